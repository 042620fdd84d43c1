/** What random calls one after the other cannot show: clauses that matter beside other transactions, or as a second wall. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Held, WorkSession } from '../../packages/millrace/src/core/storage.ts';
import type { PgStorage } from '../../packages/millrace/src/storage/pg-storage.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import {
  claim,
  claimRequest,
  completed,
  identity,
  leaseOf,
  newJob,
  openStorage,
} from '../helpers/storage.ts';
import { until } from '../helpers/until.ts';

let database: TestDatabase;
let storage: PgStorage;
let session: WorkSession;
let other: pg.Client;
const me = 1_000;
const next = 1_001;

beforeAll(async () => {
  database = await createTestDatabase();
  storage = openStorage(database.url);
  session = storage.session();
  await session.register(identity(me));
  await session.register(identity(next));
  other = new pg.Client({ connectionString: database.url });
  await other.connect();
});

afterAll(async () => {
  await other.end();
  await storage.close();
  await database.drop();
});

beforeEach(async () => {
  await database.query('TRUNCATE millrace.job, millrace.job_history, millrace.job_attempt');
});

/** A claimed job, and how to name it. */
async function claimedJob(no: number): Promise<Held> {
  await storage.enqueue([newJob()]);
  const [job] = await claim(session, no, 1);
  if (job === undefined) throw new Error('there is nothing to claim');
  return { id: job.id, lease: job.lease };
}

describe('the fence', () => {
  it('G2: a row that waits is nobody’s, even if it had kept its lease', async () => {
    const held = await claimedJob(me);
    await database.query('UPDATE millrace.job SET state = 0');
    expect(await session.settle([{ ...held, settlement: completed }])).toEqual([
      { id: held.id, status: 'lost' },
    ]);
    const ridden = await session.claim({
      ...claimRequest(me, 2),
      kinds: [],
      completed: [{ ...held, settlement: completed }],
    });
    expect(ridden.unwritten).toEqual([{ id: held.id, status: 'lost' }]);
    expect(await session.holds([held])).toEqual([]);
    expect(await database.query('SELECT state, lease FROM millrace.job')).toEqual([
      { state: 0, lease: held.lease },
    ]);
  });

  it('A5: a completion whose row somebody holds is busy, and the claim that it rides on waits not', async () => {
    const held = await claimedJob(me);
    await storage.enqueue([newJob()]);
    await other.query('BEGIN');
    await other.query('SELECT FROM millrace.job WHERE id = $1 FOR UPDATE', [held.id]);
    const ridden = session.claim({
      ...claimRequest(me, 2),
      completed: [{ ...held, settlement: completed }],
    });
    const { jobs, unwritten } = await ridden;
    await other.query('ROLLBACK');
    expect(jobs).toHaveLength(1);
    expect(unwritten).toEqual([{ id: held.id, status: 'busy' }]);
    expect(await session.holds([held])).toEqual([held.id]);
  });

  describe('in a transfer', () => {
    let pauses = 0;
    const counting = {
      monotonicMs: () => 0,
      after(_delayMs: number, callback: () => void) {
        pauses += 1;
        setImmediate(callback);
        return () => {};
      },
    };
    const transfer = async (held: readonly Held[]) => {
      pauses = 0;
      const mover = openStorage(database.url, 'millrace', { clock: counting });
      const lease = leaseOf(next, 2);
      const moved = await mover.session().transfer({ held, lease, from: 5, reason: 'test' });
      await mover.close();
      return moved;
    };

    it('A5: what somebody holds is asked for again, and then left behind; the others go on', async () => {
      await storage.enqueue([newJob(), newJob()]);
      const held = (await claim(session, me, 1)).map(({ id, lease }) => ({ id, lease }));
      await other.query('BEGIN');
      await other.query('SELECT FROM millrace.job WHERE id = $1 FOR UPDATE', [held[0]?.id]);
      expect(await transfer(held)).toEqual([held[1]?.id]);
      await other.query('ROLLBACK');
      expect(pauses).toBeGreaterThan(0);
    });

    it.each([
      ['runs under another lease', 'lease = lease + 1'],
      ['waits, even if its row had kept the lease', 'state = 0'],
    ])('G2: what %s is lost at once', async (_what, change) => {
      const held = await claimedJob(me);
      const row = `SELECT state, lease FROM millrace.job`;
      await database.query(`UPDATE millrace.job SET ${change}`);
      const before = await database.query(row);
      expect(await transfer([held])).toEqual([]);
      expect(pauses).toBe(0);
      expect(await database.query(row)).toEqual(before);
    });
  });
});

describe('rescue', () => {
  /** Makes rescue pause after it has found its rows and before it locks them. */
  async function pausedRescue(during: () => Promise<unknown>): Promise<readonly string[]> {
    await other.query(`
      ALTER TABLE millrace.worker_dead RENAME TO worker_dead_kept;
      CREATE FUNCTION millrace.gate() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
      BEGIN
        WHILE NOT pg_try_advisory_xact_lock_shared(1) LOOP PERFORM pg_sleep(0.005); END LOOP;
        RETURN true;
      END $$;
      CREATE VIEW millrace.worker_dead AS SELECT * FROM millrace.worker_dead_kept WHERE millrace.gate();
      SELECT pg_advisory_lock(1)`);
    const observer = openStorage(database.url);
    try {
      const rescue = observer.session().rescue();
      await until('rescue pauses', async () => {
        const { rowCount } = await other.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`,
        );
        return rowCount === 1;
      });
      await during();
      await other.query('SELECT pg_advisory_unlock(1)');
      return (await rescue).rescued.map(({ id }) => id);
    } finally {
      await other.query(`
        SELECT pg_advisory_unlock_all();
        DROP VIEW millrace.worker_dead;
        DROP FUNCTION millrace.gate;
        ALTER TABLE millrace.worker_dead_kept RENAME TO worker_dead`);
      await observer.close();
    }
  }

  it.each([
    ['moved to a living worker', 5_000, `lease = ${leaseOf(next, 3)}`],
    ['was given back, even if its row had kept the lease,', 5_001, 'state = 0'],
  ])('A1: G2: leaves a job alone that %s while it was looking', async (_what, no, change) => {
    await session.register(identity(no));
    const { id } = await claimedJob(no);
    await session.transfer({ held: [], lease: leaseOf(next, 3), from: no, reason: 'test' });
    expect(
      await pausedRescue(() => database.query(`UPDATE millrace.job SET ${change}`)),
    ).not.toContain(id);
    expect(await storage.get(id, 1)).toMatchObject({ attempt: 1, crashes: 0, attempts: [] });
  });
});

describe('the lock of an identity', () => {
  const lockedOf = async (no: number) =>
    (await session.look()).sightings.find((one) => one.no === no)?.locked;

  it('C5: is not another’s in the same database, nor the same one in another database', async () => {
    const lost = openStorage(database.url);
    const no = 3_000;
    await lost.session().register(identity(no));
    await lost.session().close();
    await expect.poll(() => lockedOf(no)).toBe(false);
    const [row] = await database.query<{ class: number }>(
      'SELECT millrace.liveness_class() AS class',
    );
    const lock = 'SELECT pg_advisory_lock($1::int, $2::int)';
    await other.query(lock, [1, no]);
    await using elsewhere = await createTestDatabase();
    const stranger = new pg.Client({ connectionString: elsewhere.url });
    await stranger.connect();
    await stranger.query(lock, [row?.class, no]);
    expect(await lockedOf(no)).toBe(false);
    await other.query(lock, [row?.class, no]);
    expect(await lockedOf(no)).toBe(true);
    await other.query('SELECT pg_advisory_unlock_all()');
    await stranger.end();
    await lost.close();
    await session.unregister(no);
  });
});

describe('the schedules of an installation', () => {
  const spec = 'every 1000ms';
  const scheduler = (no: number) => identity(no, { role: 'scheduler' });
  const claimOf = (text: string) => [{ name: 's', kind: 'test', spec: text, runOnStart: false }];
  const stored = async () => (await session.readSchedules(['s']))[0];

  beforeEach(async () => {
    await database.query(`TRUNCATE millrace.schedule, millrace.schedule_fire`);
    await database.query(`DELETE FROM millrace.worker WHERE role = 'scheduler'`);
  });

  it('G11: a fire time is made once, and never after a later one or by who knows another schedule', async () => {
    await session.adoptSchedules(scheduler(4_000), claimOf(spec), true);
    const lastMs = (await stored())?.lastFireMs ?? 0;
    const fire = (fireMs: number, of = spec) =>
      session.fire({ name: 's', spec: of, fireMs, job: newJob() });
    expect(await fire(lastMs + 2_000, 'every 2000ms')).toBeNull();
    expect(await fire(lastMs + 2_000)).not.toBeNull();
    expect(await fire(lastMs + 1_000)).toBeNull();
    expect(await fire(lastMs + 2_000)).toBeNull();
    expect(await database.query('SELECT FROM millrace.schedule_fire')).toHaveLength(1);
  });

  it('G12: fire times that are let go stay so, and only who knows the schedule lets them go', async () => {
    await session.adoptSchedules(scheduler(4_001), claimOf(spec), true);
    const lastMs = (await stored())?.lastFireMs ?? 0;
    await session.letGo('s', 'every 2000ms', lastMs + 1_000);
    expect((await stored())?.lastFireMs).toBe(lastMs);
    await session.letGo('s', spec, lastMs + 2_000);
    await session.letGo('s', spec, lastMs + 1_000);
    expect((await stored())?.lastFireMs).toBe(lastMs + 2_000);
  });

  it('G11: who started earlier changes no schedule of who started later', async () => {
    const old = scheduler(4_002);
    await session.adoptSchedules(old, claimOf(spec), true);
    await session.adoptSchedules(scheduler(4_003), claimOf('every 2000ms'), true);
    await session.adoptSchedules(old, claimOf(spec), false);
    expect((await stored())?.spec).toBe('every 2000ms');
  });

  it('G24: a number that another process has is not adopted under', async () => {
    expect(await session.adoptSchedules(scheduler(4_004), claimOf(spec), true)).toBe(true);
    expect(await session.adoptSchedules(scheduler(4_004), claimOf(spec), true)).toBe(false);
  });

  it('W16: schedulers that start at once follow each other', async () => {
    const lock = `SELECT pg_advisory_xact_lock(hashtextextended('millrace schedules millrace', 0))`;
    await other.query('BEGIN');
    await other.query(lock);
    const starting = session.adoptSchedules(scheduler(4_005), claimOf(spec), true);
    await until('the scheduler waits', async () => {
      const waits = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
      return (await other.query(waits)).rowCount === 1;
    });
    expect(await other.query('SELECT FROM millrace.schedule')).toMatchObject({ rowCount: 0 });
    await other.query('COMMIT');
    expect(await starting).toBe(true);
  });
});
