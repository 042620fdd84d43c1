import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevDatabase } from '@millrace/dev-db';
import { createMillrace, type Millrace } from 'millrace';
import { driveClock } from 'millrace/testing';
import { jobs } from '../jobs/index.ts';
import { AcceptedLog } from './accepted-log.ts';
import { startMailServer, type MailServer } from './mail-server.ts';
import { MemoryWatch } from './memory.ts';
import { startPushServer, type PushServer } from './push-server.ts';
import { ScheduleWatch } from './schedule-watch.ts';
import { Posters, seed } from './seed.ts';
import { compileCommand, WorkerProcess } from './worker-process.ts';

/** Everything that the demo plays with. */
export interface World {
  readonly millrace: Millrace;
  readonly posters: Posters;
  readonly mail: MailServer;
  readonly push: PushServer;
  readonly mailLog: AcceptedLog;
  readonly pushLog: AcceptedLog;
  readonly workers: readonly [WorkerProcess, WorkerProcess];
  readonly watch: ScheduleWatch;
  readonly memory: MemoryWatch;
}

/**
 * Starts everything, and hands the end of everything to `stack`.
 * @param onCrash Hears of it when a worker process ends by itself.
 */
export async function buildWorld(
  stack: AsyncDisposableStack,
  users: number,
  onCrash: (error: Error) => void,
): Promise<World> {
  const memory = stack.use(new MemoryWatch());
  const folder = await mkdtemp(join(tmpdir(), 'millrace-hospitality-'));
  // At the exit of the process too: an error that nobody caught leaves no folder behind either.
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeFolder);
  stack.defer(removeFolder);

  const mailLog = new AcceptedLog(join(folder, 'mail.log'));
  const pushLog = new AcceptedLog(join(folder, 'push.log'));
  const mail = stack.use(await startMailServer(mailLog));
  const push = stack.use(await startPushServer(pushLog));
  const database = stack.use(await startDevDatabase({ ephemeral: true }));
  const millrace = stack.use(createMillrace({ connection: database.url, jobs }));
  await millrace.migrate();
  const clock = stack.use(await driveClock(database.url));
  await seed(millrace, users);

  const compiled = await compileCommand(join(folder, 'compiled'));
  const env = { ...compiled, DATABASE_URL: database.url, SMTP_URL: mail.url, PUSH_URL: push.url };
  const start = (name: string) =>
    stack.use(new WorkerProcess(join(folder, `${name}.log`), env, onCrash));
  const workers = [start('worker-1'), start('worker-2')] as const;
  const watch = await ScheduleWatch.begin(millrace, clock);
  const posters = new Posters(millrace, users);
  return { millrace, posters, mail, push, mailLog, pushLog, workers, watch, memory };
}
