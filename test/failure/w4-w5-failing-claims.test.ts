import { expect, it } from 'vitest';
import { defineJob, type MillraceEvent } from 'millrace';
import { composeMillrace } from '../../packages/millrace/src/runtime.ts';
import { short } from '../fixtures/jobs.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { calm, Fleet } from '../helpers/fleet.ts';

const isolation = 'repeatable read';

/** So many of the first 200 rows that are claimed meet each failure. */
const conflicts = 10;
const terminations = 4;

/** Of the first 200 rows that are claimed, every 20th meets a serialization failure and every 50th ends its session. */
async function sabotageClaims(database: Pick<TestDatabase, 'query'>): Promise<void> {
  await database.query(`
    CREATE SEQUENCE public.claimed_row;
    CREATE FUNCTION public.sabotage() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      -- Of a sequence, because what it counts is not undone with the claim.
      n bigint := pg_catalog.nextval('public.claimed_row');
    BEGIN
      IF n <= 200 AND n % 20 = 7 THEN
        RAISE EXCEPTION 'injected' USING ERRCODE = 'serialization_failure';
      ELSIF n <= 200 AND n % 50 = 13 THEN
        PERFORM pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());
      END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER sabotage BEFORE UPDATE ON millrace.job FOR EACH ROW
      WHEN (OLD.state = 0 AND NEW.state = 1) EXECUTE FUNCTION public.sabotage()`);
}

async function claimedRows(database: Pick<TestDatabase, 'query'>): Promise<number> {
  const [row] = await database.query<{ n: number }>(
    'SELECT last_value::int AS n FROM public.claimed_row',
  );
  return row?.n ?? 0;
}

it('W4: W5: each claim of two claimers counts as exactly one of taken, empty and failed, with its cause', async () => {
  await using database = await createTestDatabase({ isolation });
  await sabotageClaims(database);
  const ran: string[] = [];
  const job = defineJob({ kind: 'job', handler: async (_, { id }) => void ran.push(id) });
  const counted = { 'claim:taken': 0, 'claim:empty': 0, serialization: 0, connection: 0, other: 0 };
  const count = (event: MillraceEvent) => {
    if (event.name === 'claim:failed') counted[event.data.cause] += 1;
    else if (event.name === 'claim:taken' || event.name === 'claim:empty') counted[event.name] += 1;
  };
  const claimers = [1, 2].map(() => {
    const options = { connection: database.url, jobs: [job], logger: false } as const;
    const millrace = composeMillrace(options, calm);
    millrace.subscribe(count);
    return { millrace, worker: millrace.createWorker({ concurrency: 1 }) };
  });
  const jobs = claimers[0]?.millrace.enqueueMany(Array.from({ length: 200 }, () => job.with({})));
  const ids = ((await jobs) ?? []).map(({ id }) => id);

  let ticks = 0;
  for (let rest = 5; rest > 0; ticks += claimers.length) {
    await Promise.all(claimers.map(({ worker }) => worker.tick()));
    if (ran.length === ids.length) rest -= 1;
  }
  await Promise.all(claimers.map(({ millrace }) => millrace.close()));

  expect(ran.toSorted()).toEqual(ids.toSorted());
  expect(await claimedRows(database)).toBe(200 + conflicts + terminations);
  const { serialization, connection, other } = counted;
  expect(counted).toMatchObject({ 'claim:taken': 200, serialization: conflicts, other: 0 });
  // The claim after a terminated one may meet the same connection before its end is known.
  expect(connection).toBeGreaterThanOrEqual(terminations);
  expect(200 + counted['claim:empty'] + serialization + connection + other).toBe(ticks);
});

it('W4: W5: the loops of two processes go on after failed claims, without an unhandled error, and no job is lost', async () => {
  await using fleet = await Fleet.create({ isolation });
  await sabotageClaims(fleet);
  const events = ['claim:taken', 'claim:failed'] as const;
  const processes = await Promise.all([
    fleet.start({ concurrency: 5, events }),
    fleet.start({ concurrency: 5, events }),
  ]);
  await fleet.enqueue(...Array.from({ length: 300 }, () => short.with({})));
  await fleet.finished();

  expect(await claimedRows(fleet)).toBeGreaterThanOrEqual(200);
  const causes = processes.flatMap((each) => each.events('claim:failed')).map(({ cause }) => cause);
  const failed = (wanted: string) => causes.filter((cause) => cause === wanted).length;
  expect(failed('serialization')).toBe(conflicts);
  expect(failed('connection')).toBeGreaterThanOrEqual(terminations);
  expect(failed('other')).toBe(0);
  const taken = processes.flatMap((each) => each.events('claim:taken')).map(({ jobs }) => jobs);
  expect(taken.reduce((sum, jobs) => sum + jobs, 0)).toBe(300);
  // Both have gone on until the end, and stop in good order.
  const exits = await Promise.all(processes.map((each) => each.stop()));
  expect(exits).toEqual(exits.map(() => ({ code: 0, signal: null })));
  expect(await fleet.violations({ exactlyOnce: true, allFinished: true })).toEqual([]);
});
