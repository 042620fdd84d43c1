import { describe, expect, it } from 'vitest';
import { held, transactional } from '../fixtures/jobs.ts';
import { Fleet } from '../helpers/fleet.ts';

const isolations = ['read committed', 'repeatable read', 'serializable'] as const;

/** The other sessions' transactions that have been open since this moment, with what they hold; asked from outside. */
async function openSince(fleet: Fleet, moment: string): Promise<unknown[]> {
  return fleet.query(
    `SELECT a.pid, a.state, a.query,
            (SELECT count(*)::int FROM pg_locks l WHERE l.pid = a.pid AND l.relation IS NOT NULL) AS locks
       FROM pg_stat_activity a
      WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.xact_start <= $1`,
    [moment],
  );
}

async function now(fleet: Fleet): Promise<string> {
  const [row] = await fleet.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
  return row?.now ?? '';
}

/** The ids of the jobs whose rows nobody holds, not even in the weakest way that keeps others from changing them. */
async function unlocked(fleet: Fleet, jobs: readonly string[]): Promise<string[]> {
  const rows = await fleet.query<{ id: string }>(
    `SELECT id::text FROM millrace.job WHERE id = ANY ($1) ORDER BY id FOR UPDATE SKIP LOCKED`,
    [jobs],
  );
  return rows.map(({ id }) => id);
}

describe.each(isolations)('under default_transaction_isolation = %s', (isolation) => {
  it('W2: no transaction is open and no row is locked while handlers run', async () => {
    await using fleet = await Fleet.create({ isolation });
    const worker = await fleet.start();
    const jobs = await fleet.enqueue(held.with({}), held.with({}), held.with({}));
    await worker.waitForBegan(...jobs);

    // Heartbeats and claims come and go; what is still open of this moment later on belongs to the handlers.
    const moment = await now(fleet);
    const askedMs = performance.now();
    const isOver = async () => (await openSince(fleet, moment)).length === 0;
    await fleet.until('no transaction is left', isOver);
    expect(performance.now() - askedMs).toBeLessThan(3_000);
    expect(await unlocked(fleet, jobs)).toEqual(jobs);

    worker.letGo();
    await fleet.finished();
    expect(await fleet.violations({ exactlyOnce: true, allFinished: true })).toEqual([]);
  });
});

it('W2: the transaction of a transactional handler would be seen, and holds no row of its job either', async () => {
  await using fleet = await Fleet.create();
  const worker = await fleet.start();
  const jobs = await fleet.enqueue(transactional.with({ held: true }));
  await worker.waitForBegan(...jobs);
  const moment = await now(fleet);
  await fleet.until(
    'nothing else is seen',
    async () => (await openSince(fleet, moment)).length === 1,
  );
  expect(await openSince(fleet, moment)).toMatchObject([
    { state: 'idle in transaction', locks: 1 },
  ]);
  expect(await unlocked(fleet, jobs)).toEqual(jobs);
  worker.letGo();
  await fleet.finished();
  expect(await fleet.violations({ exactlyOnce: true, allFinished: true })).toEqual([]);
});
