import type { LogEntry } from './history-log.ts';
import type { DatabaseState, Expectations } from './history-past.ts';

type Row<Table extends keyof DatabaseState> = {
  -readonly [Key in keyof DatabaseState[Table][number]]: DatabaseState[Table][number][Key];
};

/** A past that can be falsified. A line of the log happens at its place times ten milliseconds, by both clocks. */
export interface SoundPast {
  log: (LogEntry & { pid?: number; atMs: number })[];
  jobs: Row<'jobs'>[];
  attempts: Row<'attempts'>[];
  fires: Row<'fires'>[];
  expected: Expectations;
}

export const lease = (worker: number, count: number) =>
  String(BigInt(worker) * 2n ** 32n + BigInt(count));
export const [first, second, third] = [lease(7, 1), lease(7, 2), lease(8, 1)] as const;
const [fourth, moved] = [lease(7, 3), lease(9, 1)];

export function began(
  run: string,
  job: string,
  under: string,
  attempt: number,
  transactional = false,
) {
  return { what: 'began', run, job, kind: 'test', attempt, lease: under, transactional } as const;
}

function claimed(under: string, jobs: string[], atMs: number, suspects: string[] = []) {
  return { what: 'claimed', lease: under, jobs, suspects, atMs } as const;
}

export function finished(
  id: string,
  under: string,
  finishedMs: number,
  attempt: number,
): Row<'jobs'> {
  return { id, state: 'completed', attempt, maxAttempts: 3, lease: under, finishedMs };
}

/** A job that ends three processes, the last one as a suspect. */
const poisoned = (): Pick<SoundPast, 'log' | 'attempts'> => ({
  log: [11, 12, 13].flatMap((pid) => {
    const under = lease(pid, 1);
    return [
      { ...claimed(under, ['poison'], pid * 10, pid === 13 ? ['poison'] : []), pid },
      { ...began(`${pid}.1`, 'poison', under, 1), pid, atMs: pid * 10 + 1 },
      { what: 'died', process: pid, atMs: pid * 10 + 2 } as const,
    ];
  }),
  attempts: [11, 12, 13].map((pid) => ({
    job: 'poison',
    lease: lease(pid, 1),
    ending: 'crashed',
    endedMs: pid * 10 + 3,
  })),
});

/** Everything that may happen to jobs without a promise being broken. */
export function soundPast(): SoundPast {
  return {
    log: [
      {
        what: 'enqueued',
        jobs: ['failed', 'crashed', 'moved', 'moved too', 'snoozed'],
        fate: 'committed',
        atMs: 0,
      },
      { what: 'enqueued', jobs: ['waiting'], fate: 'committed', atMs: 1 },
      {
        what: 'enqueued',
        jobs: ['conflicting', 'cancelled', 'poison', 'unwanted'],
        fate: 'committed',
        atMs: 1,
      },
      { what: 'enqueued', jobs: ['undone'], fate: 'rolled back', atMs: 2 },
      { what: 'enqueued', jobs: ['in doubt'], fate: 'unknown', atMs: 3 },

      claimed(first, ['failed', 'crashed', 'moved', 'snoozed'], 10),
      { ...began('1.1', 'failed', first, 1), atMs: 11 },
      { what: 'ended', run: '1.1', how: 'threw', atMs: 20 },
      { what: 'settling', held: [{ id: 'failed', lease: first, to: 'wait' }], atMs: 21 },
      claimed(second, ['failed', 'snoozed'], 30),
      { ...began('1.2', 'failed', second, 2), atMs: 31 },
      { what: 'ended', run: '1.2', how: 'returned', atMs: 40 },

      { ...began('1.3', 'snoozed', first, 1), atMs: 12 },
      { what: 'ended', run: '1.3', how: 'returned', atMs: 22 },
      { what: 'settling', held: [{ id: 'snoozed', lease: first, to: 'wait' }], atMs: 23 },
      { ...began('1.4', 'snoozed', second, 1), atMs: 32 },
      { what: 'ended', run: '1.4', how: 'returned', atMs: 42 },

      // Its worker is frozen until the job is finished elsewhere, and then finds that the lease is lost.
      { ...began('1.5', 'crashed', first, 1), atMs: 13 },
      { ...claimed(third, ['crashed', 'conflicting'], 60), pid: 2 },
      { ...began('2.1', 'crashed', third, 1), pid: 2, atMs: 61 },
      { what: 'ended', run: '2.1', how: 'returned', pid: 2, atMs: 70 },
      { what: 'aborted', run: '1.5', code: 'MILLRACE_LEASE_LOST', atMs: 80 },
      { what: 'settling', held: [{ id: 'crashed', lease: first, to: 'finish' }], atMs: 81 },
      { what: 'refused', held: [{ id: 'crashed', lease: first }], atMs: 82 },
      { what: 'ended', run: '1.5', how: 'threw', atMs: 83 },

      { ...began('1.6', 'moved', first, 1), atMs: 14 },
      { what: 'moving', held: [{ id: 'moved', lease: first }], lease: moved, atMs: 50 },
      { what: 'ended', run: '1.6', how: 'returned', atMs: 55 },
      // Its lease is moved by the time it begins, which the process learns only later.
      { what: 'moving', held: [{ id: 'moved too', lease: first }], lease: moved, atMs: 15 },
      { ...began('1.7', 'moved too', first, 1), atMs: 16 },
      { what: 'ended', run: '1.7', how: 'returned', atMs: 17 },

      // It conflicts once and runs again within the same attempt; only the second run's follow-up exists.
      { ...began('2.2', 'conflicting', third, 1, true), pid: 2, atMs: 62 },
      { what: 'enqueued', jobs: ['undone too'], fate: { of: '2.2' }, pid: 2, atMs: 63 },
      { what: 'ended', run: '2.2', how: 'returned', pid: 2, atMs: 64 },
      { ...began('2.3', 'conflicting', third, 1, true), pid: 2, atMs: 65 },
      { what: 'enqueued', jobs: ['follow-up'], fate: { of: '2.3' }, pid: 2, atMs: 66 },
      { what: 'ended', run: '2.3', how: 'returned', pid: 2, atMs: 67 },
      { what: 'died', process: 2, atMs: 90 },

      // It cannot be run and goes back, when somebody has asked to cancel it.
      claimed(fourth, ['unwanted'], 100),
      { what: 'settling', held: [{ id: 'unwanted', lease: fourth, to: 'giveBack' }], atMs: 101 },

      ...poisoned().log,
    ],
    jobs: [
      finished('failed', second, 41, 2),
      finished('snoozed', second, 43, 1),
      finished('crashed', third, 71, 1),
      finished('moved', moved, 56, 1),
      finished('moved too', moved, 56, 1),
      finished('conflicting', third, 68, 1),
      // Its worker died after somebody had asked to cancel it.
      { ...finished('cancelled', '0', 58, 0), state: 'cancelled' },
      { ...finished('unwanted', fourth, 102, 1), state: 'cancelled' },
      { ...finished('poison', '0', 133, 0), state: 'discarded' },
      waiting('waiting'),
      waiting('follow-up'),
      waiting('fired'),
    ],
    attempts: [
      { job: 'failed', lease: first, ending: 'failed', endedMs: 22 },
      { job: 'crashed', lease: first, ending: 'crashed', endedMs: 59 },
      { job: 'cancelled', lease: lease(6, 1), ending: 'crashed', endedMs: 58 },
      ...poisoned().attempts,
    ],
    fires: [{ schedule: 'hourly', fireMs: 3_600_000, job: 'fired' }],
    expected: { fireTimes: { hourly: [3_600_000] } },
  };
}

export function waiting(id: string): Row<'jobs'> {
  return { id, state: 'available', attempt: 0, maxAttempts: 3, lease: null, finishedMs: null };
}
