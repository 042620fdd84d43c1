import type { FinishedState, JobState } from '../core/job.ts';
import type {
  FinishedSample,
  JobCount,
  KindSample,
  Overview,
  QueueInfo,
  Stats,
  Throughput,
} from '../core/operator/overview.ts';

/** Puts together how things go. */
export async function readStats(overview: Overview): Promise<Stats> {
  const [queues, finished, sample] = await Promise.all([
    overview.queues(),
    overview.finishedCounts(),
    overview.finishedSample(),
  ]);
  return toStats(queues, finished, sample);
}

/** The same of what was read. */
export function toStats(
  queues: readonly QueueInfo[],
  finished: Readonly<Record<FinishedState, JobCount>>,
  { overMs, kinds }: FinishedSample,
): Stats {
  const minuteMs = Math.min(overMs, 60_000);
  const minute = (counts: Omit<Throughput, 'overMs'>): Throughput => ({
    overMs: minuteMs,
    ...counts,
  });
  const hour = (counts: Omit<Throughput, 'overMs'>): Throughput => ({ overMs, ...counts });
  return {
    jobs: { ...unfinished(queues), ...finished },
    lastMinute: minute(total(kinds.map(({ lastMinute }) => lastMinute))),
    lastHour: hour(total(kinds.map(({ lastHour }) => lastHour))),
    kinds: kinds
      .toSorted((a, b) => finishedOf(b) - finishedOf(a) || (a.kind < b.kind ? -1 : 1))
      .map(({ kind, lastMinute, lastHour, runMs }) => ({
        kind,
        lastMinute: minute(lastMinute),
        lastHour: hour(lastHour),
        runMs,
      })),
  };
}

function unfinished(
  queues: readonly QueueInfo[],
): Record<Exclude<JobState, FinishedState>, JobCount> {
  const sum = (count: (queue: QueueInfo) => JobCount | null): JobCount => ({
    jobs: queues.reduce((jobs, queue) => jobs + (count(queue)?.jobs ?? 0), 0),
    exact: queues.every((queue) => count(queue)?.exact === true),
  });
  return {
    scheduled: sum(({ scheduled }) => scheduled),
    available: sum(({ available }) => available),
    running: sum(({ running }) => running),
    retryable: sum(({ retryable }) => retryable),
  };
}

function total(parts: readonly Omit<Throughput, 'overMs'>[]): Omit<Throughput, 'overMs'> {
  const sum = (count: (part: Omit<Throughput, 'overMs'>) => number) =>
    parts.reduce((jobs, part) => jobs + count(part), 0);
  return {
    completed: sum(({ completed }) => completed),
    cancelled: sum(({ cancelled }) => cancelled),
    discarded: sum(({ discarded }) => discarded),
    failedAttempts: sum(({ failedAttempts }) => failedAttempts),
  };
}

function finishedOf({ lastHour: { completed, cancelled, discarded } }: KindSample): number {
  return completed + cancelled + discarded;
}
