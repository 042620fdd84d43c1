import { describe, expect, it, vi } from 'vitest';
import { failing, short, transactional } from '../fixtures/jobs.ts';
import { calm, Fleet } from '../helpers/fleet.ts';

vi.setConfig({ testTimeout: 60_000 });

const count = 10_000;
const perTransaction = 1_000;

/** The dead are found in time for a test, and nobody else is taken for dead on a busy machine. */
const tuning = calm;

/** Jobs of a few milliseconds each, so that a process always has some in hand. */
const request = () => short.with({ ms: 5 });

/** Enqueues in several transactions, some of which are rolled back; answers with the ids of the others. */
async function enqueue(fleet: Fleet): Promise<string[]> {
  const ids: string[] = [];
  for (let made = 0; made < count; made += perTransaction) {
    ids.push(...(await fleet.enqueue(...Array.from({ length: perTransaction }, request))));
    await fleet.rollBack(...Array.from({ length: 10 }, request));
  }
  return ids;
}

/** The number of handler runs that began, and the time from the first beginning to the last end. */
function measure(fleet: Fleet): { runs: number; seconds: number } {
  const lines = fleet.history();
  const runs = lines.filter(({ what }) => what === 'began');
  const ends = lines.filter(({ what }) => what === 'ended');
  const startMs = runs[0]?.monotonicMs ?? 0;
  const endMs = ends.at(-1)?.monotonicMs ?? 0;
  return { runs: runs.length, seconds: (endMs - startMs) / 1_000 };
}

async function crashes(fleet: Fleet): Promise<number> {
  const rows = await fleet.query(`SELECT FROM millrace.job_attempt WHERE ending = 'crashed'`);
  return rows.length;
}

function print(what: string, { runs, seconds }: { runs: number; seconds: number }): void {
  const rate = Math.round(count / seconds);
  process.stdout.write(`${what}: ${count} jobs, ${rate} jobs/s, ${runs - count} repeats\n`);
}

describe('10,000 jobs and 10 workers in 3 processes', () => {
  it('G1: G2: run exactly once each when nothing fails, and those that were rolled back never', async () => {
    await using fleet = await Fleet.create();
    await Promise.all([4, 3, 3].map((workers) => fleet.start({ workers })));
    await enqueue(fleet);
    await fleet.finished();
    print('nothing fails', measure(fleet));
    expect(await fleet.violations({ allFinished: true, exactlyOnce: true })).toEqual([]);
  });

  it('G1: G2: run at least once each when two of the processes are killed; none is lost, none settled under a lost lease', async () => {
    await using fleet = await Fleet.create();
    await enqueue(fleet);
    const [first, second] = await Promise.all([
      fleet.start({ workers: 3, tuning }),
      fleet.start({ workers: 3, tuning }),
      fleet.start({ workers: 4, tuning }),
    ]);
    const kill = async (victim: typeof first, left: number) => {
      await fleet.until('it is in the middle', async () => (await fleet.unfinished()) <= left);
      expect(await fleet.unfinished()).toBeGreaterThan(0);
      await victim.kill();
    };
    await kill(first, count * 0.7);
    await kill(second, count * 0.4);
    await fleet.finished();
    const measured = measure(fleet);
    print('two processes killed', measured);
    // At most what the two had in hand ran again: what is finished and not yet written, or claimed ahead.
    expect(measured.runs - count).toBeLessThanOrEqual(6 * (10 + 500));
    expect(await crashes(fleet)).toBeGreaterThan(0);
    expect(await fleet.violations({ allFinished: true })).toEqual([]);
  });
});

it('G1: G9: retries, transactional handlers and their follow-up jobs survive a killed process, each with one effect', async () => {
  await using fleet = await Fleet.create();
  const [victim] = await Promise.all([fleet.start({ tuning }), fleet.start({ tuning })]);
  await fleet.enqueue(
    ...Array.from({ length: 200 }, () => failing.with({ times: 2 })),
    ...Array.from({ length: 200 }, () => transactional.with({ followUps: 2 })),
  );
  const effects = () =>
    fleet.query<{ n: number }>('SELECT count(*)::int AS n FROM public.effect GROUP BY job');
  await fleet.until('it is in the middle', async () => (await effects()).length > 50);
  await victim.kill();
  await fleet.finished();
  expect(await effects()).toEqual(Array.from({ length: 200 }, () => ({ n: 1 })));
  expect(await fleet.violations({ allFinished: true })).toEqual([]);
});
