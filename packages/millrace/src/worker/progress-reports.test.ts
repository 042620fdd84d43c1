import { describe, expect, it } from 'vitest';
import { heldJob } from '../../../../test/helpers/worker-parts.ts';
import type { ProgressReport } from '../core/progress.ts';
import { ProgressReports } from './progress-reports.ts';

/** Reports to a database that answers when the test says so, by a clock that stands still until then. */
function setUp() {
  const written: string[][] = [];
  const answers: PromiseWithResolvers<void>[] = [];
  const timers = new Set<() => void>();
  const reports = new ProgressReports({
    clock: {
      monotonicMs: () => 0,
      after(delayMs, callback) {
        expect(delayMs).toBe(1_000);
        timers.add(callback);
        return () => timers.delete(callback);
      },
    },
    port: {
      reportProgress(list: readonly ProgressReport[]) {
        written.push(list.map(({ id, lease, percent }) => `${id} ${percent} ${lease}`).toSorted());
        const answer = Promise.withResolvers<void>();
        answers.push(answer);
        return answer.promise;
      },
    },
  });
  return {
    reports,
    written,
    second: () => {
      for (const callback of timers) {
        timers.delete(callback);
        callback();
      }
    },
    timers,
    answer: async (error?: Error) => {
      const next = answers.shift();
      if (error === undefined) next?.resolve();
      else next?.reject(error);
      await new Promise((resolve) => void setImmediate(resolve));
    },
  };
}

const half = { percent: 50, note: null };
const most = { percent: 90, note: null };

describe('reports of progress', () => {
  it('are written once a second, the last of each job, all in one statement', async () => {
    const { reports, written, second, answer } = setUp();
    const [a, b] = [heldJob({ id: '1', lease: '7' }), heldJob({ id: '2', lease: '8' })];
    for (let percent = 0; percent < 100; percent++) reports.report(a, { percent, note: null });
    reports.report(b, half);
    expect(written).toEqual([]);
    second();
    expect(written).toEqual([['1 99 7', '2 50 8']]);
    await answer();
    second();
    expect(written).toHaveLength(1);
  });

  it('of jobs that end are written at once, together, and nothing of them afterwards', async () => {
    const { reports, written, timers } = setUp();
    const held = heldJob({ id: '1', lease: '7' });
    reports.ended(held);
    expect(written).toEqual([]);
    reports.report(held, half);
    const other = heldJob({ id: '2', lease: '8' });
    reports.report(other, half);
    reports.ended(held);
    reports.ended(other);
    held.endHandler();
    reports.report(held, most);
    await Promise.resolve();
    expect(written).toEqual([['1 50 7', '2 50 8']]);
    expect(timers.size).toBe(0);
  });

  it('wait for a database that is slow, and for one that is away under whatever lease the job has then', async () => {
    const { reports, written, second, answer, timers } = setUp();
    const [a, b] = [heldJob({ id: '1', lease: '7' }), heldJob({ id: '2', lease: '8' })];
    reports.report(a, half);
    reports.report(b, half);
    second();
    reports.report(b, most);
    expect(timers.size).toBe(0);
    await answer(new Error('away'));
    a.lease = '9';
    second();
    expect(written.at(-1)).toEqual(['1 50 9', '2 90 8']);
    b.endHandler();
    await answer(new Error('away'));
    second();
    expect(written.at(-1)).toEqual(['1 50 9']);
  });
});
