import { checkHistory, type Violation } from './history-checker.ts';
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
  formerEnds: Row<'formerEnds'>[];
  effects: Row<'effects'>[];
  fires: Row<'fires'>[];
  expected: Expectations;
}

export const lease = (worker: number, count: number) =>
  String(BigInt(worker) * 2n ** 32n + BigInt(count));
export const [first, second, third] = [lease(7, 1), lease(7, 2), lease(8, 1)] as const;
const [moved, fourth, fifth, sixth] = [lease(9, 1), lease(10, 1), lease(10, 2), lease(10, 3)];

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

type Log = SoundPast['log'];

/** Failures, crashes, late workers, renewals and conflicts. */
function calmDays(): Log {
  return [
    {
      what: 'enqueued',
      jobs: ['failed', 'crashed', 'moved', 'moved too', 'snoozed'],
      fate: 'committed',
      atMs: 0,
    },
    { what: 'enqueued', jobs: ['waiting'], fate: 'committed', atMs: 1 },
    { what: 'enqueued', jobs: ['conflicting', 'cancelled'], fate: 'committed', atMs: 1 },
    {
      what: 'enqueued',
      jobs: ['brought back', 'obedient', 'told early', 'late', 'unheard', 'begun late', 'poison'],
      fate: 'committed',
      atMs: 1,
    },
    { what: 'enqueued', jobs: ['undone'], fate: 'rolled back', atMs: 2 },
    { what: 'enqueued', jobs: ['in doubt'], fate: 'unknown', atMs: 3 },
    // The server crashed in the midst of a transaction; then the ids of its jobs were given again.
    {
      what: 'enqueued',
      jobs: ['waiting', 'follow-up', 'fired'],
      fate: 'rolled back',
      atMs: 80,
    },

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
  ];
}

/** Cancels, jobs brought back, steps of the clock, late beginnings and lost answers. */
function stormyDays(): Log {
  return [
    { what: 'cancelling', job: 'obedient', atMs: 100 },
    { what: 'cancelling', job: 'told early', atMs: 100 },
    { ...claimed(fourth, ['brought back', 'obedient', 'told early'], 110), pid: 3 },
    { ...began('3.1', 'obedient', fourth, 1), pid: 3, atMs: 111 },
    { what: 'ended', run: '3.1', how: 'threw', pid: 3, atMs: 112 },
    { ...began('3.2', 'brought back', fourth, 1), pid: 3, atMs: 113 },
    { what: 'ended', run: '3.2', how: 'returned', pid: 3, atMs: 114 },

    // From here on the database's time is ahead.
    { what: 'stepping', aheadMs: 5_000, pid: 4, atMs: 120 },
    { ...claimed(fifth, ['brought back', 'late'], 130), pid: 3 },
    { ...began('3.3', 'brought back', fifth, 2), pid: 3, atMs: 131 },
    { what: 'ended', run: '3.3', how: 'returned', pid: 3, atMs: 132 },
    { ...began('3.4', 'late', fifth, 1), pid: 3, atMs: 133 },
    { what: 'ended', run: '3.4', how: 'threw', pid: 3, atMs: 134 },
    { ...claimed(sixth, ['late'], 140), pid: 3 },

    // Its worker stands still between the claim and the handler, and begins when the job is done elsewhere.
    claimed(first, ['begun late'], 170),
    { ...claimed(sixth, ['begun late'], 175), pid: 3 },
    { ...began('3.7', 'begun late', sixth, 1), pid: 3, atMs: 176 },
    { what: 'ended', run: '3.7', how: 'returned', pid: 3, atMs: 177 },
    { ...began('1.11', 'begun late', first, 1), atMs: 180 },
    { what: 'ended', run: '1.11', how: 'returned', atMs: 181 },

    // Its snooze is written, and the worker does not learn of it.
    claimed(first, ['unheard'], 150),
    { ...began('1.10', 'unheard', first, 1), atMs: 151 },
    { what: 'ended', run: '1.10', how: 'returned', atMs: 152 },
    { what: 'settling', held: [{ id: 'unheard', lease: first, to: 'wait' }], atMs: 153 },
    { what: 'unanswered', held: [{ id: 'unheard', lease: first }], atMs: 154 },
    { what: 'settling', held: [{ id: 'unheard', lease: first, to: 'wait' }], atMs: 160 },
    { what: 'refused', held: [{ id: 'unheard', lease: first }], atMs: 161 },
    { ...claimed(sixth, ['unheard'], 155), pid: 3 },
    { ...began('3.6', 'unheard', sixth, 1), pid: 3, atMs: 156 },
    { what: 'ended', run: '3.6', how: 'returned', pid: 3, atMs: 157 },
    { ...began('3.5', 'late', sixth, 2), pid: 3, atMs: 141 },
    { what: 'ended', run: '3.5', how: 'returned', pid: 3, atMs: 142 },
  ];
}

const poisonedMs = (pid: number) => (pid - 4) * 10;

/** A job that ends three processes, the last one as a suspect. */
const poisoned = (): Pick<SoundPast, 'log' | 'attempts'> => ({
  log: [11, 12, 13].flatMap((pid) => {
    const under = lease(pid, 1);
    const atMs = poisonedMs(pid);
    return [
      { ...claimed(under, ['poison'], atMs, pid === 13 ? ['poison'] : []), pid },
      { ...began(`${pid}.1`, 'poison', under, 1), pid, atMs: atMs + 1 },
      { what: 'died', process: pid, atMs: atMs + 2 } as const,
    ];
  }),
  attempts: [11, 12, 13].map((pid) => ({
    job: 'poison',
    lease: lease(pid, 1),
    ending: 'crashed',
    endedMs: poisonedMs(pid) + 3,
  })),
});

/** Everything that may happen to jobs without a promise being broken. */
export function soundPast(): SoundPast {
  return {
    log: [...calmDays(), ...stormyDays(), ...poisoned().log],
    jobs: [
      finished('failed', second, 41, 2),
      finished('snoozed', second, 43, 1),
      finished('crashed', third, 71, 1),
      finished('moved', moved, 56, 1),
      finished('moved too', moved, 56, 1),
      finished('conflicting', third, 68, 1),
      // Its worker died after somebody had asked to cancel it.
      { ...finished('cancelled', '0', 58, 0), state: 'cancelled' },
      // The first by a failure that found the request, the second before its handler began.
      { ...finished('obedient', fourth, 113, 1), state: 'cancelled' },
      { ...finished('told early', fourth, 112, 1), state: 'cancelled' },
      finished('brought back', fifth, 5_133, 2),
      finished('late', sixth, 5_143, 2),
      finished('unheard', sixth, 5_158, 1),
      finished('begun late', sixth, 5_178, 1),
      { ...finished('poison', '0', 93, 0), state: 'discarded' },
      waiting('waiting'),
      waiting('follow-up'),
      waiting('fired'),
    ],
    attempts: [
      { job: 'failed', lease: first, ending: 'failed', endedMs: 22 },
      { job: 'crashed', lease: first, ending: 'crashed', endedMs: 59 },
      { job: 'cancelled', lease: lease(6, 1), ending: 'crashed', endedMs: 58 },
      { job: 'begun late', lease: first, ending: 'crashed', endedMs: 5_173 },
      { job: 'obedient', lease: fourth, ending: 'failed', endedMs: 113 },
      { job: 'told early', lease: fourth, ending: 'cancelled', endedMs: 112 },
      { job: 'late', lease: fifth, ending: 'failed', endedMs: 5_135 },
      ...poisoned().attempts,
    ],
    formerEnds: [{ job: 'brought back', state: 'completed', lease: fourth, finishedMs: 115 }],
    effects: [{ job: 'conflicting', run: '2.3' }],
    fires: [{ schedule: 'hourly', fireMs: 3_600_000, job: 'fired' }],
    expected: { fireTimes: { hourly: [3_600_000] } },
  };
}

export function waiting(id: string): Row<'jobs'> {
  return { id, state: 'available', attempt: 0, maxAttempts: 3, lease: null, finishedMs: null };
}

export function check({ log, expected, ...database }: SoundPast): Violation[] {
  const lines = log.map(({ atMs, pid = 1, ...entry }) => ({
    ...entry,
    pid,
    monotonicMs: 1_000_000 + atMs,
    wallMs: atMs,
  }));
  return checkHistory(lines, database, expected);
}
