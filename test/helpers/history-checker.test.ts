import { describe, expect, it } from 'vitest';
import { checkHistory, rules, type Violation } from './history-checker.ts';
import type { LogEntry } from './history-log.ts';
import type { DatabaseState, Expectations } from './history-past.ts';

type Row<Table extends keyof DatabaseState> = {
  -readonly [Key in keyof DatabaseState[Table][number]]: DatabaseState[Table][number][Key];
};

/** A past that can be falsified. A line of the log happens at its place times ten milliseconds, by both clocks. */
interface Past {
  log: (LogEntry & { pid?: number; atMs: number })[];
  jobs: Row<'jobs'>[];
  attempts: Row<'attempts'>[];
  fires: Row<'fires'>[];
  expected: Expectations;
}

const lease = (worker: number, count: number) => String(BigInt(worker) * 2n ** 32n + BigInt(count));
const [first, second, third, moved] = [lease(7, 1), lease(7, 2), lease(8, 1), lease(9, 1)];

function began(run: string, job: string, under: string, attempt: number, transactional = false) {
  return { what: 'began', run, job, kind: 'test', attempt, lease: under, transactional } as const;
}

function claimed(under: string, jobs: string[], atMs: number, suspects: string[] = []) {
  return { what: 'claimed', lease: under, jobs, suspects, atMs } as const;
}

function finished(id: string, under: string, finishedMs: number, attempt: number): Row<'jobs'> {
  return { id, state: 'completed', attempt, maxAttempts: 3, lease: under, finishedMs };
}

/** Everything that may happen to jobs without a promise being broken. */
function soundPast(): Past {
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
        jobs: ['conflicting', 'cancelled', 'poison'],
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

      // It ends three processes, the last one as a suspect.
      ...[11, 12, 13].flatMap((pid) => {
        const under = lease(pid, 1);
        return [
          { ...claimed(under, ['poison'], pid * 10, pid === 13 ? ['poison'] : []), pid },
          { ...began(`${pid}.1`, 'poison', under, 1), pid, atMs: pid * 10 + 1 },
          { what: 'died', process: pid, atMs: pid * 10 + 2 } as const,
        ];
      }),
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
      { ...finished('poison', '0', 133, 0), state: 'discarded' },
      waiting('waiting'),
      waiting('follow-up'),
      waiting('fired'),
    ],
    attempts: [
      { job: 'failed', lease: first, ending: 'failed', endedMs: 22 },
      { job: 'crashed', lease: first, ending: 'crashed', endedMs: 59 },
      { job: 'cancelled', lease: lease(6, 1), ending: 'crashed', endedMs: 58 },
      ...[11, 12, 13].map((pid) => ({
        job: 'poison',
        lease: lease(pid, 1),
        ending: 'crashed',
        endedMs: pid * 10 + 3,
      })),
    ],
    fires: [{ schedule: 'hourly', fireMs: 3_600_000, job: 'fired' }],
    expected: { fireTimes: { hourly: [3_600_000] } },
  };
}

function waiting(id: string): Row<'jobs'> {
  return { id, state: 'available', attempt: 0, maxAttempts: 3, lease: null, finishedMs: null };
}

function check({ log, expected, ...database }: Past): Violation[] {
  const lines = log.map(({ atMs, pid = 1, ...entry }) => ({
    ...entry,
    pid,
    monotonicMs: 1_000_000 + atMs,
    wallMs: atMs,
  }));
  return checkHistory(lines, database, expected);
}

const jobOf = (past: Past, id: string) => pick(past.jobs, (row) => row.id === id);
const claimOf = (past: Past, under: string) =>
  pick(past.log, (line) => line.what === 'claimed' && line.lease === under);
const lineOf = (past: Past, run: string, what: string) =>
  pick(past.log, (line) => 'run' in line && line.run === run && line.what === what);

function pick<T>(list: readonly T[], condition: (item: T) => boolean): T {
  const found = list.find(condition);
  if (found === undefined) throw new Error('The past to be falsified does not have this.');
  return found;
}

function remove<T>(list: T[], item: T): void {
  list.splice(list.indexOf(item), 1);
}

interface Plant {
  readonly rule: Violation['rule'];
  readonly what: string;
  readonly job: string;
  readonly plant: (past: Past) => void;
  /** What else this falsification must show. */
  readonly also?: readonly Violation['rule'][];
}

const plants: readonly Plant[] = [
  {
    rule: 'a committed job is lost',
    what: 'its row is gone',
    job: 'waiting',
    plant: (past) => remove(past.jobs, jobOf(past, 'waiting')),
  },
  {
    rule: 'a committed job is lost',
    what: 'it is completed and never ran',
    job: 'waiting',
    plant: (past) => Object.assign(jobOf(past, 'waiting'), finished('waiting', second, 41, 1)),
    also: [
      'something was settled under a lease that nobody was given',
      'something was settled although its run had not come to an end',
    ],
  },
  {
    rule: 'a job is in the database twice',
    what: 'among the unfinished and in the history',
    job: 'moved',
    plant: (past) => past.jobs.unshift({ ...jobOf(past, 'moved'), state: 'running' }),
  },
  {
    rule: 'a job exists or ran although nobody committed it',
    what: 'the job of a rolled-back transaction is there',
    job: 'undone',
    plant: (past) => past.jobs.push(waiting('undone')),
  },
  {
    rule: 'a job exists or ran although nobody committed it',
    what: 'the job of a rolled-back transaction ran',
    job: 'undone',
    plant: (past) => past.log.push({ ...began('1.9', 'undone', first, 1), atMs: 15 }),
  },
  {
    rule: 'a job exists or ran although nobody committed it',
    what: 'a job comes from nowhere',
    job: 'stray',
    plant: (past) => past.jobs.push(waiting('stray')),
  },
  {
    rule: 'a job exists or ran although nobody committed it',
    what: 'a job that ran is not there',
    job: 'in doubt',
    plant: (past) => past.log.push({ ...began('1.9', 'in doubt', first, 1), atMs: 15 }),
  },
  {
    rule: 'a job exists or ran although nobody committed it',
    what: 'the follow-up of a run that was undone is there',
    job: 'undone too',
    plant: (past) => past.jobs.push(waiting('undone too')),
  },
  {
    rule: 'a job exists or ran although nobody committed it',
    what: 'the follow-up of the run that completed is not there',
    job: 'follow-up',
    plant: (past) => remove(past.jobs, jobOf(past, 'follow-up')),
  },
  {
    rule: 'a job is unfinished',
    what: 'somebody waited for all',
    job: 'waiting',
    plant: (past) => (past.expected = { allFinished: true }),
  },
  {
    rule: 'a job ran more than once although nothing failed',
    what: 'somebody says that nothing failed',
    job: 'crashed',
    plant: (past) => (past.expected = { exactlyOnce: true }),
  },
  {
    rule: 'a job ran again without a recorded reason',
    what: 'its failure is not recorded',
    job: 'failed',
    plant(past) {
      remove(
        past.attempts,
        pick(past.attempts, ({ job }) => job === 'failed'),
      );
      remove(
        past.log,
        pick(past.log, ({ atMs }) => atMs === 21),
      );
    },
    also: ['the attempts are miscounted'],
  },
  {
    rule: 'a job ran again without a recorded reason',
    what: 'its snooze was refused',
    job: 'snoozed',
    plant: (past) =>
      past.log.push({ what: 'refused', held: [{ id: 'snoozed', lease: first }], atMs: 24 }),
  },
  {
    rule: 'a job ran again without a recorded reason',
    what: 'another process runs it under the same lease',
    job: 'conflicting',
    plant: (past) => (lineOf(past, '2.3', 'began').pid = 3),
  },
  {
    rule: 'two runs of a job overlap',
    what: 'nobody had declared the first worker dead',
    job: 'crashed',
    plant: (past) =>
      remove(
        past.attempts,
        pick(past.attempts, ({ job }) => job === 'crashed'),
      ),
    also: ['a job ran again without a recorded reason'],
  },
  {
    rule: 'two runs of a job overlap',
    what: 'the first worker was declared dead too late',
    job: 'crashed',
    plant: (past) => (pick(past.attempts, ({ job }) => job === 'crashed').endedMs = 62),
    also: [
      'a job ran again without a recorded reason',
      'a job was completed by a run that began before its rescue',
    ],
  },
  {
    rule: 'two runs of a job overlap',
    what: 'the two runs within one attempt are not one after the other',
    job: 'conflicting',
    plant: (past) => (lineOf(past, '2.2', 'ended').atMs = 66),
  },
  {
    rule: 'a job has more attempts than it may',
    what: 'by its row and by its runs',
    job: 'failed',
    plant: (past) => (jobOf(past, 'failed').maxAttempts = 1),
  },
  {
    rule: 'the attempts are miscounted',
    what: 'a crash counted as an attempt',
    job: 'crashed',
    plant: (past) => (jobOf(past, 'crashed').attempt = 2),
  },
  {
    rule: 'the attempts are miscounted',
    what: 'a failure did not count',
    job: 'failed',
    plant(past) {
      Object.assign(lineOf(past, '1.2', 'began'), { attempt: 1 });
    },
  },
  {
    rule: 'a job was completed by a run that began before its rescue',
    what: 'the rescue came after the run had begun',
    job: 'moved',
    plant: (past) =>
      past.attempts.push({ job: 'moved', lease: third, ending: 'crashed', endedMs: 20 }),
  },
  {
    rule: 'something was settled under a lease that nobody was given',
    what: 'a finished job names a lease of no claim',
    job: 'failed',
    plant: (past) => (jobOf(past, 'failed').lease = lease(99, 1)),
    also: ['something was settled although its run had not come to an end'],
  },
  {
    rule: 'something was settled although its run had not come to an end',
    what: 'the process died before the handler ended',
    job: 'crashed',
    plant: (past) => remove(past.log, lineOf(past, '2.1', 'ended')),
  },
  {
    rule: 'something was settled although its run had not come to an end',
    what: 'the handler ended after it',
    job: 'moved',
    plant: (past) => (lineOf(past, '1.6', 'ended').atMs = 57),
  },
  {
    rule: 'something was settled although its run had not come to an end',
    what: 'the handler threw, and the job is completed',
    job: 'moved',
    plant(past) {
      Object.assign(lineOf(past, '1.6', 'ended'), { how: 'threw' });
    },
  },
  {
    rule: 'something was settled under a lost lease',
    what: 'a rescue had taken it away',
    job: 'crashed',
    plant(past) {
      jobOf(past, 'crashed').lease = first;
      lineOf(past, '1.5', 'ended').atMs = 65;
      Object.assign(lineOf(past, '1.5', 'ended'), { how: 'returned' });
    },
    also: ['a job was completed by a run that began before its rescue'],
  },
  {
    rule: 'something was settled under a lost lease',
    what: 'it had been settled otherwise before',
    job: 'failed',
    plant: (past) =>
      past.attempts.push({ job: 'failed', lease: second, ending: 'discarded', endedMs: 41 }),
  },
  {
    rule: 'a suspect shared its process',
    what: 'others ran beside it',
    job: 'moved',
    plant: (past) => Object.assign(claimOf(past, first), { suspects: ['moved'] }),
  },
  {
    rule: 'a job was quarantined that had not ended its process alone',
    what: 'it was no suspect when it did',
    job: 'poison',
    plant: (past) => Object.assign(claimOf(past, lease(13, 1)), { suspects: [] }),
  },
  {
    rule: 'a job was quarantined that had not ended its process alone',
    what: 'its handler had ended',
    job: 'poison',
    plant: (past) =>
      past.log.push({ what: 'ended', run: '13.1', how: 'returned', pid: 13, atMs: 131.5 }),
  },
  {
    rule: 'a job was quarantined that had not ended its process alone',
    what: 'it had not ended three processes',
    job: 'poison',
    plant(past) {
      const { lease: under } = pick(past.attempts, ({ job }) => job === 'poison');
      remove(
        past.attempts,
        pick(past.attempts, ({ lease: of }) => of === under),
      );
    },
    also: ['a job ran again without a recorded reason'],
  },
  {
    rule: 'a fire time does not have exactly one job',
    what: 'one job stands for two fire times',
    job: 'fired',
    plant(past) {
      past.fires.push({ schedule: 'daily', fireMs: 0, job: 'fired' });
    },
  },
  {
    rule: 'a fire time does not have exactly one job',
    what: 'its job is not there',
    job: 'fired',
    plant: (past) => remove(past.jobs, jobOf(past, 'fired')),
  },
  {
    rule: 'a fire time does not have exactly one job',
    what: 'its job is one that somebody enqueued',
    job: 'waiting',
    plant: (past) => (pick(past.fires, () => true).job = 'waiting'),
    also: ['a job exists or ran although nobody committed it'],
  },
  {
    rule: 'a fire time does not have exactly one job',
    what: 'one that has come has no job',
    job: '',
    plant: (past) => (past.expected = { fireTimes: { hourly: [3_600_000, 7_200_000] } }),
  },
  {
    rule: 'a fire time does not have exactly one job',
    what: 'one has a job that has not come',
    job: '',
    plant: (past) => (past.expected = { fireTimes: { hourly: [] } }),
  },
];

describe('the history checker', () => {
  it('finds nothing wrong with failures, snoozes, crashes, late workers, conflicts, renewals and quarantines', () => {
    expect(check(soundPast())).toEqual([]);
  });

  it.each(plants)('sees that $rule: $what', ({ rule, job, plant, also = [] }) => {
    const past = soundPast();
    plant(past);
    const found = check(past);
    expect(found).toContainEqual(expect.objectContaining({ rule, job }));
    expect(new Set(found.map((violation) => violation.rule))).toEqual(new Set([rule, ...also]));
  });

  it('has every rule of it shown to work', () => {
    expect(new Set(plants.map(({ rule }) => rule))).toEqual(new Set(Object.keys(rules)));
  });

  it('refuses to check nothing', () => {
    expect(() => check({ ...soundPast(), log: [], fires: [] })).toThrow('any job was enqueued');
  });
});
