import { MillraceError } from '../core/errors.ts';
import type { Schedule } from '../core/schedule-options.ts';
import type { Millrace } from '../core/millrace.ts';
import type { Duration } from '../core/duration.ts';
import { checkOptions } from '../core/options.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import {
  goOnClock,
  installDrivenClock,
  readClock,
  setClock,
  stopClock,
} from '../storage/sql/clock.ts';
import { JobRunner } from './job-runner.ts';
import type { DueJobs, RunOptions, RunResult } from './run-result.ts';
import { simulateChecks } from './options.ts';
import { partsOf } from './parts-of.ts';

/** What `simulate` takes: `for` or `until`. */
export interface SimulateOptions extends RunOptions {
  /** How far the time of the database goes on. */
  readonly for?: Duration;
  /** The moment to which it goes on. */
  readonly until?: Date | string;
  /**
   * Called with each new moment before anything runs there, for clocks of the application's own: `vi.setSystemTime`,
   * `mock.timers.setTime`, …
   */
  readonly onTime?: (now: Date) => unknown;
}

/** What `simulate` came to. */
export interface SimulateResult extends RunResult {
  /** How many jobs schedules have made. */
  readonly fired: number;
  readonly from: Date;
  readonly until: Date;
}

/**
 * Lets time pass for a database, as fast as the jobs run: from one moment at which a job or a schedule is due to the next. At
 * each the time stands still while the schedules of `jobs` fire and the jobs that are due run, as `drain` runs them.
 *
 * Takes over the clock of the database (see `driveClock`): only for databases made for tests.
 * @throws the first error of a handler or a schedule, unless `collect` is set: the time stays where it has come to;
 *   MILLRACE_TEST_ENDLESS, MILLRACE_OPTION_…, MILLRACE_DB_…, MILLRACE_SCHEMA_MISSING
 */
export async function simulate(
  millrace: Millrace,
  options: SimulateOptions,
): Promise<SimulateResult> {
  const { for: forMs, until } = checkOptions(simulateChecks, options, 'simulate');
  if ((forMs === undefined) === (until === undefined)) {
    throw new MillraceError('MILLRACE_OPTION_INVALID', 'simulate: give either for or until');
  }
  const { jobs } = partsOf(millrace, 'simulate');
  const { onTime = () => {} } = options;
  const runner = new JobRunner(millrace, options, 'simulate');
  const { process } = runner;
  const schedules = new Schedules(
    [...jobs.values()].flatMap(({ kind, settings: { queue, schedules: list } }) =>
      list.map((schedule) => ({ schedule, queue, kind })),
    ),
    runner,
  );
  const moveTo = async (ms: number) => {
    await process.query(setClock, [String(ms)]);
    await onTime(new Date(ms));
  };
  await process.query(installDrivenClock);
  try {
    await process.query(stopClock);
    const [clock] = await process.query(readClock);
    const from = clock?.['now'] as Date;
    const fromMs = from.getTime();
    await onTime(from);
    await schedules.begin(fromMs);
    let waiting = await runner.runDue();
    const untilMs = until?.getTime() ?? fromMs + (forMs ?? 0);
    for (;;) {
      // The database counts in microseconds: rounded down, the job would not be due yet.
      const jobMs = Math.ceil(waiting.next?.atMs ?? Number.POSITIVE_INFINITY);
      const nextMs = Math.min(jobMs, schedules.nextMs);
      if (nextMs > untilMs) break;
      await moveTo(nextMs);
      const fired = schedules.nextMs <= nextMs ? await schedules.fire(nextMs) : [];
      const due = jobMs <= nextMs && waiting.next !== null ? [waiting.next.job] : [];
      waiting = await runner.runDue([...fired, ...due]);
    }
    if (untilMs > fromMs) await moveTo(untilMs);
    return {
      ...runner.resultWith(waiting),
      fired: schedules.fired,
      from,
      until: new Date(Math.max(fromMs, untilMs)),
    };
  } finally {
    await schedules.end();
    await process.query(goOnClock).catch(() => {});
    await runner.close();
  }
}

/** A schedule, and the jobs that it makes. */
interface Scheduled {
  readonly schedule: Schedule;
  readonly queue: string;
  readonly kind: string;
}

/** The schedules of an application, as its scheduler fires them. */
class Schedules {
  readonly #schedules: readonly Scheduled[];
  readonly #runner: JobRunner;
  readonly #scheduler: Scheduler;
  #anchors: ReadonlyMap<string, number> = new Map();
  /** What becomes due at the next of them. */
  #due: DueJobs[] = [];
  fired = 0;
  /** When the next of them is due. */
  nextMs = Number.POSITIVE_INFINITY;

  constructor(schedules: readonly Scheduled[], runner: JobRunner) {
    this.#schedules = schedules;
    this.#runner = runner;
    this.#scheduler = runner.process.scheduler();
  }

  /** Makes them known to the database, as a scheduler that starts. */
  async begin(nowMs: number): Promise<void> {
    if (this.#schedules.length === 0) return;
    this.fired += await this.#scheduler.tick();
    const names = this.#schedules.map(({ schedule }) => schedule.name);
    const stored = await this.#runner.process.readSchedules(names);
    this.#anchors = new Map(stored.map(({ name, anchorMs }) => [name, anchorMs]));
    this.#lookAhead(nowMs);
  }

  /** Answers with what has become due by it. */
  async fire(nowMs: number): Promise<readonly DueJobs[]> {
    const fired = await this.#scheduler.tick();
    this.fired += fired;
    const due = fired === 0 ? [] : this.#due;
    this.#lookAhead(nowMs);
    return due;
  }

  #lookAhead(nowMs: number): void {
    this.#runner.judge();
    this.nextMs = Number.POSITIVE_INFINITY;
    this.#due = [];
    for (const { schedule, queue, kind } of this.#schedules) {
      const { name, times } = schedule;
      const atMs = times.next(nowMs, this.#anchors.get(name) ?? nowMs);
      if (atMs === null || atMs > this.nextMs) continue;
      if (atMs < this.nextMs) this.#due = [];
      this.nextMs = atMs;
      this.#due.push({ queue, kind, jobs: 1 });
    }
  }

  async end(): Promise<void> {
    await this.#scheduler.stop();
  }
}
