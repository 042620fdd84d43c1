import { describe, expect, it, vi } from 'vitest';
import { defaultTuning } from '../../packages/millrace/src/core/tuning.ts';
import { held, short } from '../fixtures/jobs.ts';
import { Fleet } from '../helpers/fleet.ts';

vi.setConfig({ testTimeout: 240_000 });

/** `MILLRACE_KILLS=20` makes the long measurement. */
const kills = Number(process.env['MILLRACE_KILLS'] ?? 4);

/** Kills whoever runs the job, with the default settings; answers with the milliseconds until another process runs it. */
async function killAndMeasure(fleet: Fleet): Promise<number> {
  const workers = await Promise.all([
    fleet.start({ concurrency: 1, tuning: defaultTuning }),
    fleet.start({ concurrency: 1, tuning: defaultTuning }),
  ]);
  const [id = ''] = await fleet.enqueue(held.with({}, { priority: 1 }));
  const has = workers.map(async (worker) => {
    await worker.waitForBegan(id);
    return worker;
  });
  const victim = await Promise.race(has);
  const heir = workers.find((worker) => worker !== victim);
  const killedMs = performance.now();
  await victim.kill();
  await heir?.waitForBegan(id);
  const tookMs = performance.now() - killedMs;
  expect(await fleet.millrace.get(id)).toMatchObject({ attempt: 1, crashes: 1 });
  await Promise.allSettled(has);
  heir?.letGo();
  await heir?.stop();
  return tookMs;
}

function report(what: string, times: readonly number[]): { median: number; worst: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Infinity;
  const worst = sorted.at(-1) ?? Infinity;
  process.stdout.write(
    `G3: ${what}: ${times.length} kills, median ${Math.round(median)} ms, worst ${Math.round(worst)} ms\n`,
  );
  return { median, worst };
}

describe('a worker that is killed with kill -9', () => {
  it('G3: its job starts elsewhere in about two seconds, without any configuration and without using an attempt', async () => {
    await using fleet = await Fleet.create();
    const times: number[] = [];
    for (let round = 0; round < kills; round++) times.push(await killAndMeasure(fleet));
    const { median, worst } = report('an idle queue', times);
    expect(median).toBeLessThan(3 * 2_000);
    expect(worst).toBeLessThan(3 * 3_000);
  });

  it('G3: also when 100,000 jobs wait in its queue', async () => {
    await using fleet = await Fleet.create();
    await fleet.millrace.enqueueMany(Array.from({ length: 100_000 }, () => short.with({ ms: 50 })));
    const times: number[] = [];
    for (let round = 0; round < Math.ceil(kills / 2); round++) {
      times.push(await killAndMeasure(fleet));
    }
    const { median, worst } = report('100,000 jobs waiting', times);
    expect(median).toBeLessThan(3 * 2_000);
    expect(worst).toBeLessThan(3 * 3_000);
  });
});
