/**
 * The whole application at work: a database, a mail server, a push service and two worker processes; a day in driven
 * time; then the same again with a worker killed. It ends with a proof from the database and from the servers' logs.
 */
import { parseArgs } from 'node:util';
import {
  checkCounters,
  checkDeliveries,
  checkJobs,
  checkSchedules,
  count,
  type Check,
} from './demo/checks.ts';
import { playDay, playKill, type Played } from './demo/play.ts';
import { Progress } from './demo/progress.ts';
import { report } from './demo/report.ts';
import { buildWorld, type World } from './demo/world.ts';

/**
 * The whole demo, PostgreSQL included, stays below. Where there is much memory, Node.js lets short-lived garbage lie;
 * the script `demo` leaves it 4 MiB a process, which costs no speed here.
 */
const maxMib = 700;

const { values: options } = parseArgs({
  options: {
    users: { type: 'string', default: '2000' },
    messages: { type: 'string', default: '900' },
    'no-kill': { type: 'boolean', default: false },
  },
});

async function demo(
  stack: AsyncDisposableStack,
  progress: Progress,
  onCrash: (error: Error) => void,
): Promise<Check[]> {
  const [users, messages] = [Number(options.users), Number(options.messages)];
  progress.show('starting PostgreSQL, a mail server, a push service and two worker processes');
  const world = await buildWorld(stack, users, onCrash);
  progress.say(`${count(users)} users, two worker processes (${pids(world)})`);

  progress.say('\nPart 1: a day; nobody is killed');
  const day = await playDay(world, messages, progress);
  const failed = report(progress, summary(day), await checkAll(world, day));
  if (!options['no-kill']) {
    progress.say('\nPart 2: another rush; one worker process is killed half-way');
    const kill = await playKill(world, messages / 2, progress);
    failed.push(
      ...report(progress, summary(kill), [...(await checkAll(world, kill)), kill.inHand]),
    );
  }
  failed.push(...report(progress, 'At the end', await checkEnd(world, progress)));
  return failed;
}

async function checkAll(world: World, { part }: Played): Promise<Check[]> {
  const { millrace, posters, watch } = world;
  return [
    ...(await checkDeliveries(world, part)),
    ...(await checkCounters(millrace, posters.posted)),
    ...(await checkSchedules(millrace, watch)),
    ...(await checkJobs(millrace)),
  ];
}

/** Stops the workers that are left. */
async function checkEnd({ workers, memory, watch }: World, progress: Progress): Promise<Check[]> {
  const usedMib = memory.peakMib;
  await watch.settled();
  const left = workers.filter(({ running }) => running);
  const codes = await Promise.all(left.map((worker) => worker.stop()));
  progress.show('stopped');
  const stopped = codes.filter((code) => code === 0).length;
  return [
    {
      what: 'worker processes that stopped in good order',
      expected: count(left.length),
      found: count(stopped),
      holds: stopped === left.length,
    },
    {
      what: 'memory of all processes together, at most',
      expected: `${maxMib} MiB`,
      found: usedMib === 0 ? 'unknown here' : `${usedMib} MiB`,
      holds: usedMib <= maxMib,
    },
  ];
}

function summary({ jobs, seconds }: Played): string {
  const rate = count(Math.round(jobs / seconds));
  return `${count(jobs)} jobs in ${seconds.toFixed(1)} s, ${rate} jobs/s`;
}

function pids({ workers }: World): string {
  return `pid ${workers.map(({ pid }) => pid).join(', ')}`;
}

/** Resolves with the exit code that a shell expects, when somebody asks this process to end. */
function interruption(): Promise<number> {
  return new Promise((resolve) => {
    process.on('SIGINT', () => resolve(130));
    process.on('SIGTERM', () => resolve(143));
    process.on('SIGHUP', () => resolve(129));
  });
}

async function main(): Promise<number> {
  const progress = new Progress();
  const crashed = Promise.withResolvers<never>();
  await using stack = new AsyncDisposableStack();
  try {
    const failed = await Promise.race([
      demo(stack, progress, crashed.reject),
      crashed.promise,
      interruption(),
    ]);
    if (typeof failed === 'number') {
      progress.say('interrupted; cleaning up');
      return failed;
    }
    for (const { what, expected, found } of failed) {
      progress.say(`failed: ${what.trim()}: expected ${expected}, found ${found}`);
    }
    if (failed.length === 0) progress.say(`\nEvery check holds. ${progress.seconds.toFixed(1)} s`);
    return failed.length === 0 ? 0 : 1;
  } catch (error) {
    progress.say(`failed: ${error instanceof Error ? error.stack : String(error)}`);
    return 1;
  }
}

process.exitCode = await main();
