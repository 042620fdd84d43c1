import { readFile } from 'node:fs/promises';
import { afterEach, expect, it } from 'vitest';
import { createMillrace, defineJob } from 'millrace';
import { createProject } from '../helpers/cli.ts';
import { createTestMillrace } from '../helpers/millrace.ts';
import { until } from '../helpers/until.ts';

const open: (AsyncDisposable | Disposable)[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) {
    if (Symbol.asyncDispose in each) await each[Symbol.asyncDispose]();
    else each[Symbol.dispose]();
  }
});

const config = `
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMillrace, defineJob, every } from 'millrace';
const log = (what, id) => appendFileSync('log', JSON.stringify({ what, id, pid: process.pid, atMs: Date.now() }) + '\\n');
const handler = (ms) => async (payload, { id, attempt, signal }) => {
  log('began ' + attempt, id);
  await sleep(ms, undefined, { signal });
  log('ended', id);
};
export default createMillrace({
  logger: false,
  onProcessStart: async () => {
    await sleep(1);
    log('started', '');
  },
  jobs: [
    defineJob({ kind: 'brief', history: 'all', handler: handler(20) }),
    defineJob({ kind: 'hourly', schedule: { at: every('1h'), runOnStart: true }, handler: (_, { id }) => log('fired', id) }),
    defineJob({ kind: 'long', handler: handler(60_000) }),
    defineJob({ kind: 'fat', handler: () => { globalThis.fat = Buffer.alloc(400 * 2 ** 20, 1); } }),
  ],
});
`;

interface Line {
  readonly what: string;
  readonly id: string;
  readonly pid: number;
  readonly atMs: number;
}

const kinds = {
  brief: defineJob({ kind: 'brief' }),
  long: defineJob({ kind: 'long' }),
  fat: defineJob({ kind: 'fat' }),
};

async function supervised(...args: readonly string[]) {
  const { database, millrace } = await createTestMillrace({ jobs: Object.values(kinds) });
  const project = createProject({ 'millrace.config.js': config, log: '' });
  const cli = project.start(['start', ...args], { env: { DATABASE_URL: database.url } });
  const pids = () => [...cli.stdout().matchAll(/process (\d+) is ready/g)].map((m) => Number(m[1]));
  open.push({
    async [Symbol.asyncDispose]() {
      project[Symbol.dispose]();
      await until('the processes end', () => !pids().some(lives));
      await millrace.close();
      await database.drop();
    },
  });
  const log = async () =>
    (await readFile(`${project.directory}/log`, 'utf8'))
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
  const enqueue = async (kind: keyof typeof kinds, count: number) =>
    (await millrace.enqueueMany(Array.from({ length: count }, () => kinds[kind].with({})))).map(
      ({ id }) => id,
    );
  const ended = async (count: number) =>
    until(
      'the jobs end',
      async () => (await log()).filter(({ what }) => what === 'ended').length >= count,
      50,
    );
  await cli.printed('supervisor of');
  return { millrace, project, cli, log, pids, enqueue, ended };
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it('W18 W23: `start --role worker,scheduler --processes 2` runs both roles in processes of their own, each of which first ran onProcessStart, and SIGTERM ends all with exit code 0', async () => {
  const { cli, log, pids, enqueue, ended } = await supervised(
    '--role',
    'worker,scheduler',
    '--processes',
    '2',
  );
  await enqueue('brief', 60);
  await ended(60);
  await until('the schedule fires', async () => (await log()).some(({ what }) => what === 'fired'));
  const lines = await log();
  expect(pids()).toHaveLength(2);
  for (const pid of pids()) {
    const own = lines.filter((line) => line.pid === pid).map(({ what }) => what);
    expect(own[0]).toBe('started');
    expect(own.filter((what) => what === 'started')).toHaveLength(1);
  }
  cli.process.kill('SIGTERM');
  expect(await cli.ended).toMatchObject({
    exitCode: 0,
    stderr: '',
    stdout: expect.stringMatching(/millrace: stopped\n$/) as string,
  });
  expect(pids().some(lives)).toBe(false);
});

it('W26: a job of a killed process runs at once in a sibling, under the same attempt, and the process starts again', async () => {
  const { millrace, cli, log, pids, enqueue } = await supervised('--processes', '2');
  const [id = ''] = await enqueue('long', 1);
  const begun = async () => (await log()).filter((line) => line.id === id);
  await until('it runs', async () => (await begun()).length === 1);
  const [first] = await begun();
  const killedMs = Date.now();
  process.kill(first?.pid ?? 0, 'SIGKILL');
  await until('it runs again', async () => (await begun()).length === 2);
  const second = (await begun())[1];
  const tookMs = (second?.atMs ?? 0) - killedMs;
  process.stdout.write(`supervisor: a killed process's job ran in a sibling after ${tookMs} ms\n`);
  expect(second).toMatchObject({ what: 'began 1' });
  expect(second?.pid).not.toBe(first?.pid);
  expect(tookMs).toBeLessThan(3 * 1_000);
  expect(await millrace.get(id)).toMatchObject({ state: 'running', attempt: 1, crashes: 1 });
  await until('a new process is ready', () => pids().length === 3);
  expect(cli.stdout()).toContain(
    `process ${first?.pid} died (SIGKILL); a new one starts in 250 ms`,
  );
  cli.process.kill('SIGINT');
  await cli.printed('stopping');
  cli.process.kill('SIGINT');
  expect(await cli.ended).toMatchObject({
    exitCode: 130,
    stdout: expect.stringContaining('given back: 1') as string,
  });
});

it('the processes of a killed supervisor stop in order by themselves', async () => {
  const { millrace, cli, pids, enqueue } = await supervised(
    '--processes',
    '2',
    '--stop-grace',
    '100ms',
  );
  const [id = ''] = await enqueue('long', 1);
  await until('it runs', async () => (await millrace.get(id))?.state === 'running');
  cli.process.kill('SIGKILL');
  await until('they end', () => !pids().some(lives));
  expect(await millrace.get(id)).toMatchObject({ state: 'available', attempt: 0, crashes: 0 });
});

it('SIGHUP replaces all processes under load without losing an attempt or a second', async () => {
  const { cli, log, pids, enqueue, ended } = await supervised(
    '--processes',
    '2',
    '--concurrency',
    '2',
  );
  let replaced = false;
  void cli.printed('all replaced').then(() => (replaced = true));
  const jobs = await enqueue('brief', 200);
  await ended(50);
  cli.process.kill('SIGHUP');
  // There is work until the end, or a gap could not be told from idleness.
  while (!replaced) {
    jobs.push(...(await enqueue('brief', 100)));
    await ended(jobs.length - 100);
  }
  await ended(jobs.length);
  const lines = await log();
  const began = lines.filter(({ what }) => what.startsWith('began'));
  expect(began.map(({ what }) => what)).toEqual(jobs.map(() => 'began 1'));
  expect(new Set(pids()).size).toBe(4);
  expect(pids().filter(lives)).toHaveLength(2);
  const times = lines.filter(({ what }) => what === 'ended').map(({ atMs }) => atMs);
  const gapMs = Math.max(...times.slice(1).map((at, index) => at - (times[index] ?? at)));
  process.stdout.write(`supervisor: longest gap of a rolling restart ${gapMs} ms\n`);
  expect(gapMs).toBeLessThan(3_000);
});

it('a replacement that does not become ready leaves the old process at work', async () => {
  const { project, cli, pids, enqueue, ended } = await supervised('--processes', '2');
  project.write({ 'millrace.config.js': 'throw new Error("broken deploy");' });
  cli.process.kill('SIGHUP');
  await until(
    'both stay',
    () => cli.stdout().split('stays, for its replacement failed').length === 3,
  );
  expect(pids().filter(lives)).toHaveLength(2);
  await enqueue('brief', 10);
  await ended(10);
});

it('a process that has run its number of jobs or uses too much memory is replaced, and no job notices', async () => {
  const { millrace, cli, log, enqueue, ended } = await supervised(
    '--processes',
    '1',
    '--max-jobs',
    '30',
    '--max-memory',
    '350',
  );
  const jobs = await enqueue('brief', 40);
  await ended(40);
  await cli.printed(/is replaced by \d+: it has run \d+ jobs/);
  const began = (await log()).filter(({ what }) => what.startsWith('began'));
  expect(began.map(({ what }) => what)).toEqual(jobs.map(() => 'began 1'));
  const [fat = ''] = await enqueue('fat', 1);
  await cli.printed(/is replaced by \d+: it uses \d+ MiB/);
  expect(await millrace.get(fat)).toMatchObject({ state: 'completed', attempt: 1 });
});

it('W19: processes that keep dying are started again after growing pauses, and the health check is red and says why in one line', async () => {
  using project = createProject({ 'millrace.config.js': config });
  const cli = project.start(['start', '--processes', '2', '--listen', '0'], {
    env: { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' },
  });
  await cli.printed(/health at (\S+)/);
  const [, ready = ''] = /health at (\S+)/.exec(cli.stdout()) ?? [];
  await cli.printed('a new one starts in 1000 ms, death 3 in a row');
  const red = await fetch(ready);
  expect(red.status).toBe(503);
  expect(await red.text()).toMatch(
    /^(a process has died \d+ times|process \d+ is not ready yet)[^\n]*\n$/,
  );
  expect((await fetch(ready.replace('readyz', 'livez'))).status).toBe(200);
  cli.process.kill('SIGTERM');
  await cli.ended;
});

it('/readyz is green while all processes work and names the one that does not answer, which holds up no replacement', async () => {
  const { cli, pids } = await supervised('--processes', '2', '--listen', '127.0.0.1:0');
  await cli.printed(/health at (\S+)/);
  const [, ready = ''] = /health at (\S+)/.exec(cli.stdout()) ?? [];
  expect(await (await fetch(ready)).text()).toBe('ok: 2 processes, 0 restarts\n');
  const [frozen = 0] = pids();
  process.kill(frozen, 'SIGSTOP');
  const asked = fetch(ready);
  // Nor does it keep the others from being replaced.
  cli.process.kill('SIGHUP');
  const red = await asked;
  expect(red.status).toBe(503);
  expect(await red.text()).toBe(
    `process ${frozen} does not answer: its event loop stands still, or it has died\n`,
  );
  await cli.printed('all replaced');
  process.kill(frozen, 'SIGCONT');
  expect(new Set(pids()).size).toBe(4);
});

it('W24: /metrics adds up what all processes count, also those that were replaced', async () => {
  const { cli, enqueue, ended } = await supervised('--processes', '2', '--listen', '127.0.0.1:0');
  await cli.printed(/health at (\S+)/);
  const [, ready = ''] = /health at (\S+)/.exec(cli.stdout()) ?? [];
  const metrics = async () => {
    const answer = await fetch(ready.replace('readyz', 'metrics'));
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    return answer.text();
  };
  const completed =
    'millrace_job_duration_seconds_count{job="brief",status="completed",attempt="1",exception=""}';
  await enqueue('brief', 40);
  await ended(40);
  await until('all are counted', async () => (await metrics()).includes(`${completed} 40\n`), 50);
  expect(await metrics()).toContain('millrace_processes 2\n');
  cli.process.kill('SIGHUP');
  await cli.printed('all replaced');
  const replaced = await metrics();
  expect(replaced).toContain(`${completed} 40\n`);
  expect(replaced).toContain('millrace_process_replacements_total 2\n');
  expect(replaced).toContain('millrace_queue_due_jobs{queue="default"} 0\n');
});

it('what no restart mends is said once, and nothing is started', async () => {
  using project = createProject();
  const start = (...args: readonly string[]) => project.run(['start', '--processes', '2', ...args]);
  const missing = await start();
  expect(missing).toMatchObject({ exitCode: 1, stdout: '' });
  expect(missing.stderr).toMatch(/^MILLRACE_CONFIG_MISSING: [^\n]*\n$/);
  const mistaken = await start('--stop-grace', '3x');
  expect(mistaken).toMatchObject({ exitCode: 1, stdout: '' });
  expect(mistaken.stderr).toMatch(/^MILLRACE_DURATION_INVALID: [^\n]*\n$/);
});

it('W24: a single process serves /metrics too, and its /readyz is green while its database answers, and red with the reason when it is gone', async () => {
  const { database, millrace } = await createTestMillrace();
  open.push(database);
  using project = createProject({ 'millrace.config.js': config, log: '' });
  const cli = project.start(['start', '--listen', '127.0.0.1:0'], {
    env: { DATABASE_URL: database.url },
  });
  await cli.printed('started, pid');
  const [, ready = ''] = /health at (\S+)/.exec(cli.stdout()) ?? [];
  expect(await (await fetch(ready)).text()).toBe('ok\n');
  const page = await (await fetch(ready.replace('readyz', 'metrics'))).text();
  expect(page).toContain('millrace_jobs_claimed_total ');
  await millrace.close();
  await database.drop();
  const red = await fetch(ready);
  expect(red.status).toBe(503);
  expect(await red.text()).toMatch(/^[^\n]*does not exist[^\n]*\n$/);
  cli.process.kill('SIGKILL');
  await cli.ended;
});

it('G2: whoever lives is not declared dead, even when somebody says that its process has ended', async () => {
  const gate = Promise.withResolvers<void>();
  const held = defineJob({ kind: 'held', handler: () => gate.promise });
  const { database, millrace } = await createTestMillrace({ jobs: [held] });
  open.push(database, millrace);
  const other = createMillrace({ connection: database.url, logger: false });
  open.push(other);
  const worker = millrace.createWorker();
  await worker.start();
  const { id } = await millrace.enqueue(held);
  await until('it runs', async () => (await millrace.get(id))?.state === 'running');
  expect(await other.processEnded(millrace.boot)).toBe(0);
  expect(await other.processEnded(other.boot)).toBe(0);
  expect(await millrace.get(id)).toMatchObject({ state: 'running', attempt: 1, crashes: 0 });
  gate.resolve();
  await worker.stop();
  expect(await millrace.get(id)).toMatchObject({ state: 'completed', attempt: 1 });
});
