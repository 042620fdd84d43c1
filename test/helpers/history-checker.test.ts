import { describe, expect, it } from 'vitest';
import { rules, type Violation } from './history-checker.ts';
import {
  began,
  check,
  finished,
  first,
  lease,
  second,
  soundPast,
  third,
  waiting,
  type SoundPast,
} from './sound-past.ts';

const jobOf = (past: SoundPast, id: string) => pick(past.jobs, (row) => row.id === id);
const claimOf = (past: SoundPast, under: string) =>
  pick(past.log, (line) => line.what === 'claimed' && line.lease === under);
const lineOf = (past: SoundPast, run: string, what: string) =>
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
  readonly plant: (past: SoundPast) => void;
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
    what: 'a job is begun late that nobody had taken away',
    job: 'begun late',
    plant: (past) =>
      remove(
        past.attempts,
        pick(past.attempts, ({ job }) => job === 'begun late'),
      ),
    also: ['a job ran again without a recorded reason'],
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
    rule: 'a job ran again without a recorded reason',
    what: 'its snooze was refused each time',
    job: 'unheard',
    plant: (past) =>
      remove(
        past.log,
        pick(past.log, ({ what }) => what === 'unanswered'),
      ),
  },
  {
    rule: 'a job ran again without a recorded reason',
    what: 'nobody brought it back',
    job: 'brought back',
    plant: (past) => past.formerEnds.pop(),
    also: ['the attempts are miscounted'],
  },
  {
    rule: 'a job ran again without a recorded reason',
    what: 'it failed only after it ran again, by the clock of the wall',
    job: 'late',
    plant: (past) => (pick(past.attempts, ({ job }) => job === 'late').endedMs = 5_142),
  },
  {
    rule: 'the attempts are miscounted',
    what: 'bringing it back made it the first attempt again',
    job: 'brought back',
    plant(past) {
      Object.assign(lineOf(past, '3.3', 'began'), { attempt: 1 });
    },
  },
  {
    rule: 'a transaction stands without the completion of its job, or this without it',
    what: 'the writes of the run that completed are gone',
    job: 'conflicting',
    plant: (past) => past.effects.pop(),
    also: ['a job exists or ran although nobody committed it'],
  },
  {
    rule: 'a transaction stands without the completion of its job, or this without it',
    what: 'the writes of the run that conflicted are there',
    job: 'conflicting',
    plant: (past) => past.effects.unshift({ job: 'conflicting', run: '2.2' }),
    also: ['a job exists or ran although nobody committed it'],
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
    what: 'it is cancelled without a run, and nobody asked for it',
    job: 'told early',
    plant: (past) =>
      remove(
        past.log,
        pick(past.log, (line) => 'job' in line && line.job === 'told early'),
      ),
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
    also: [
      'a job was completed by a run that began before its rescue',
      'the attempts are miscounted',
    ],
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
      past.log.push({ what: 'ended', run: '13.1', how: 'returned', pid: 13, atMs: 91.5 }),
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
  it('finds nothing wrong with failures, snoozes, crashes, late workers, conflicts, renewals, cancels, jobs brought back, ids given again, clock steps and quarantines', () => {
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
