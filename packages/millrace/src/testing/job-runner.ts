import { MillraceError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { AnyJobDefinition } from '../core/job-definition.ts';
import type { AttemptError } from '../core/job.ts';
import type { Millrace } from '../core/millrace.ts';
import type { Composition } from '../runtime.ts';
import { waitingJobs } from '../storage/sql/waiting-jobs.ts';
import { workerSettings } from '../worker/settings.ts';
import { attemptErrorOf } from './attempt-error-of.ts';
import { Ledger, type TriedAttempt } from './ledger.ts';
import type { CrashPoint } from './life.ts';
import { testingDefaults } from './options.ts';
import { PlayedProcess } from './played-process.ts';
import { partsOf } from './parts-of.ts';
import type { DueJobs, RunOptions, RunResult } from './run-result.ts';

/** What waits. `next`: when the next job that has a handler becomes due, and which. */
interface Waiting {
  readonly due: readonly DueJobs[];
  readonly next: { readonly atMs: number; readonly job: DueJobs } | null;
}

/** Runs what is due, in played processes, and keeps account of it. */
export class JobRunner {
  readonly ledger = new Ledger();
  readonly #what: string;
  readonly #all: Composition;
  readonly #collects: boolean;
  readonly #limit: number;
  readonly #concurrency: number;
  readonly #handlers: readonly AnyJobDefinition[];
  readonly #kinds: ReadonlySet<string>;
  readonly #errors: unknown[] = [];
  /** What the engine reported and nobody has looked at. */
  #reported: { readonly isFatal: boolean; readonly error: AttemptError }[] = [];
  /** So many attempts have been looked at. */
  #judged = 0;
  #process: PlayedProcess;

  constructor(millrace: Millrace, options: RunOptions, what: string, end?: CrashPoint) {
    this.#all = partsOf(millrace, what);
    this.#what = what;
    this.#collects = options.collect ?? false;
    this.#limit = options.limit ?? testingDefaults.limit;
    this.#concurrency = options.concurrency ?? testingDefaults.concurrency;
    // Judged as createWorker does.
    if (options.handlers !== undefined) workerSettings({ handlers: options.handlers }, []);
    const known = options.handlers ?? [...this.#all.jobs.values()];
    const runnable = known.filter(({ settings }) => settings.handler !== undefined);
    this.#handlers = runnable.map(inThisProcess);
    this.#kinds = new Set(runnable.map(({ kind }) => kind));
    this.#process = this.#newProcess(end);
  }

  /** The process that runs jobs at present. */
  get process(): PlayedProcess {
    return this.#process;
  }

  /**
   * Runs jobs until none is due that can be run; answers with what is left then.
   * @param expected what has become due since, and is run without looking
   */
  async runDue(expected: readonly DueJobs[] = []): Promise<Waiting> {
    const known = this.#runnable(expected);
    if (known.length > 0) await this.#runSome(known);
    for (;;) {
      const waiting = await this.#look();
      const due = this.#runnable(waiting.due);
      if (due.length === 0 || (await this.#runSome(due)) === 0) return waiting;
    }
  }

  #runnable(due: readonly DueJobs[]): readonly DueJobs[] {
    return due.filter(({ kind }) => this.#kinds.has(kind));
  }

  /** @throws what went wrong since it was last asked, unless that is collected */
  judge(): void {
    const fresh = this.ledger.attempts.slice(this.#judged).flatMap(({ error }) => error ?? []);
    this.#judged = this.ledger.attempts.length;
    const reported = this.#reported;
    this.#reported = [];
    const errors = [...fresh, ...reported.map(({ error }) => attemptErrorOf(error))];
    this.#errors.push(...errors);
    if (errors.length > 0 && (!this.#collects || reported.some(({ isFatal }) => isFatal))) {
      const texts = errors.map(String).join('; ');
      const all = new AggregateError(errors, `${errors.length} jobs failed: ${texts}`);
      // Whatever the handler threw, an error or not.
      throw errors.length === 1 ? (errors[0] as Error) : all;
    }
    if (this.#judged <= this.#limit) return;
    const { kind } = this.ledger.attempts.at(-1) as TriedAttempt;
    throw new MillraceError(
      'MILLRACE_TEST_ENDLESS',
      `${this.#what}: more than ${this.#limit} attempts, the last one of '${kind}'`,
    );
  }

  resultWith({ due }: Waiting): RunResult {
    return { attempts: this.ledger.attempts, errors: this.#errors, left: due };
  }

  async close(): Promise<void> {
    await this.#process.close();
  }

  #newProcess(end?: CrashPoint): PlayedProcess {
    const emit: Emit = (name, data) => {
      this.#all.bus.emit(name, data);
      if (name === 'claim:failed' || name === 'schedule:failed') {
        const { error } = data as { readonly error: AttemptError };
        this.#reported.push({ error, isFatal: name === 'claim:failed' });
      }
    };
    const { ledger } = this;
    return new PlayedProcess({
      all: this.#all,
      ledger,
      emit,
      end,
      concurrency: this.#concurrency,
    });
  }

  async #look(): Promise<Waiting> {
    const rows = await this.#process.query(waitingJobs);
    let next: Waiting['next'] = null;
    const due: DueJobs[] = [];
    for (const row of rows) {
      const lane = { queue: row['queue'] as string, kind: row['kind'] as string };
      const jobs = row['due'] as number;
      const atMs = row['next_ms'] as number | null;
      if (jobs > 0) due.push({ ...lane, jobs });
      if (atMs !== null && this.#kinds.has(lane.kind) && !(next !== null && next.atMs <= atMs))
        next = { atMs, job: { ...lane, jobs: 1 } };
    }
    return { due, next };
  }

  /** At most what is known to be due; answers with how many jobs were taken. */
  async #runSome(due: readonly DueJobs[]): Promise<number> {
    const queues = due.map(({ queue }) => queue);
    const known = due.reduce((sum, { jobs }) => sum + jobs, 0);
    let taken = 0;
    while (taken < known) {
      const jobs = await this.#process.run(queues, this.#handlers);
      if (jobs === null) await this.#replace();
      this.judge();
      if (jobs === 0) break;
      taken += jobs ?? 1;
    }
    return taken;
  }

  async #replace(): Promise<void> {
    const dead = this.#process;
    this.#process = this.#newProcess();
    await dead.bury(this.#process);
  }
}

/** Handlers run in the process of the test, where it can look into them. */
function inThisProcess(definition: AnyJobDefinition): AnyJobDefinition {
  return { ...definition, settings: { ...definition.settings, isolate: undefined } };
}
