import { setTimeout as sleep } from 'node:timers/promises';
import type { JobRequest } from 'millrace';
import { databaseCause, sqlState } from '../../packages/millrace/src/core/database-error.ts';
import { isMillraceError } from '../../packages/millrace/src/core/errors.ts';
import { blocking, failing, poison, short, snoozing, transactional } from '../fixtures/jobs.ts';
import type { Fleet } from '../helpers/fleet.ts';
import { silentForMs } from './plan.ts';
import type { Random } from './random.ts';

/** Its jobs end at once, but for a few. */
export const quickQueue = 'quick';

/** The queues of all other jobs. */
export const slowQueues = ['default', 'side', 'bulk'] as const;

/** Producers wait while there is more to do than this, so that a storm ends in time after its faults. */
const mostUnfinished = 400;

/** Far beyond the bound of silence: a process whose loop stands still lives. */
const longestBlockMs = 3 * silentForMs;

const uniqueViolation = '23505';
const readOnly = '25006';

/** Somebody who does one thing after the other, with pauses, until the storm is over. */
export interface Actor {
  readonly name: string;
  /** The longest pause between two deeds. */
  readonly pauseMs: number;
  readonly act: (fleet: Fleet, random: Random) => Promise<unknown>;
}

export const actors: readonly Actor[] = [
  { name: 'producer 1', pauseMs: 40, act: produce },
  { name: 'producer 2', pauseMs: 40, act: produce },
  { name: 'producer 3', pauseMs: 40, act: produce },
  { name: 'producer of many', pauseMs: 1_000, act: produceMany },
  { name: 'canceller', pauseMs: 300, act: cancelSome },
  { name: 'retrier', pauseMs: 500, act: retrySome },
  { name: 'operator with an open transaction', pauseMs: 1_000, act: lockSome },
  { name: 'reader with a snapshot', pauseMs: 1_000, act: holdSnapshot },
];

/** Acts until told to end. What a database that fails does to a deed is nothing special; anything else is thrown. */
export async function keepActing(
  { pauseMs, act }: Actor,
  fleet: Fleet,
  random: Random,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await act(fleet, random).catch((error: unknown) => {
      if (databaseCause(error) === 'other' && !isOfReplica(error)) throw error;
    });
    await sleep(random.between(0, pauseMs));
  }
}

/** The address leads to a replica before this takes writes. */
function isOfReplica(error: unknown): boolean {
  return isMillraceError(error, 'MILLRACE_DB_READ_ONLY') || sqlState(error) === readOnly;
}

async function produce(fleet: Fleet, random: Random): Promise<void> {
  const requests = Array.from({ length: random.between(1, 8) }, () => drawJob(random));
  const openMs = random.chance(0.25) ? random.between(50, 1_000) : 0;
  const isUndone = random.chance(0.15);
  if ((await fleet.unfinished()) > mostUnfinished) return;
  const undo = new Error('undo');
  const work = async () => {
    if (openMs > 0) await sleep(openMs);
    if (isUndone) throw undo;
  };
  await fleet.enqueueDuring(work, requests).catch((error: unknown) => {
    if (error !== undo) throw error;
  });
}

/** So many that they are claimed ahead; a slow one among them makes others go back unstarted. */
async function produceMany(fleet: Fleet, random: Random): Promise<void> {
  const requests = Array.from({ length: random.between(20, 200) }, () =>
    short.with(random.chance(0.02) ? { ms: random.between(100, 1_000) } : {}, {
      queue: quickQueue,
    }),
  );
  if ((await fleet.unfinished()) < mostUnfinished) await fleet.enqueue(...requests);
}

function drawJob(random: Random): JobRequest {
  const options = {
    queue: random.pick(slowQueues),
    priority: random.between(-2, 2),
    ...(random.chance(0.15) && { delay: random.between(1, 3_000) }),
    ...(random.chance(0.1) && { uniqueKey: `key ${random.between(1, 20)}` }),
  };
  const share = random.fraction();
  if (share < 0.5) return short.with({}, options);
  if (share < 0.6) return short.with({ ms: random.between(0, 2_000) }, options);
  if (share < 0.75) return failing.with({ times: random.between(1, 6) }, options);
  if (share < 0.9) return transactional.with({ followUps: random.between(0, 3) }, options);
  if (share < 0.99) {
    const forMs = random.between(100, 1_500);
    return snoozing.with({ everyMs: random.between(50, 500), forMs }, options);
  }
  if (share < 0.997) return blocking.with({ ms: random.between(100, longestBlockMs) }, options);
  return poison.with({}, options);
}

async function cancelSome(fleet: Fleet, random: Random): Promise<void> {
  const found = await fleet.query<{ id: string }>(
    'SELECT id FROM millrace.job ORDER BY state * $1::int DESC, random() LIMIT 3',
    [random.pick([1, -1])],
  );
  for (const { id } of found) await fleet.cancel(id);
}

/** Also jobs that wait, and, of those that are finished, some more than once. */
async function retrySome(fleet: Fleet, random: Random): Promise<void> {
  const found = await fleet.query<{ id: string }>(
    `(SELECT h.id FROM millrace.job_history h
       WHERE h.id >= (SELECT max(id) FROM millrace.job) * $1::float8 ORDER BY h.id LIMIT $2)
     UNION ALL (SELECT j.id FROM millrace.job j WHERE j.state = 0 ORDER BY random() LIMIT 2)`,
    [random.fraction(), random.between(1, 10)],
  );
  await fleet.bringBack(...found.map(({ id }) => id)).catch((error: unknown) => {
    // Another job has the key by now.
    if (sqlState(error) !== uniqueViolation) throw error;
  });
}

async function lockSome(fleet: Fleet, random: Random): Promise<void> {
  const heldMs = random.between(50, 1_000);
  await fleet.millrace.transaction(async (tx) => {
    const sql = 'SELECT FROM millrace.job ORDER BY random() LIMIT $1 FOR UPDATE SKIP LOCKED';
    await tx.query(sql, [random.between(1, 20)]);
    await sleep(heldMs);
  });
}

async function holdSnapshot(fleet: Fleet, random: Random): Promise<void> {
  const heldMs = random.between(500, 3_000);
  await fleet.millrace.transaction(
    async (tx) => {
      await tx.query('SELECT count(*) FROM millrace.job', []);
      await sleep(heldMs);
    },
    { isolation: 'repeatable read' },
  );
}
