import type { Clock } from '../core/clock.ts';
import type { EnqueueResult } from '../core/enqueue.ts';
import type { ClaimedJob } from '../core/job.ts';
import type { NewJob } from '../core/storage.ts';
import type {
  AroundAttempt,
  AroundEnqueue,
  AttemptEnd,
  Telemetry,
  TelemetrySource,
  TraceContext,
} from '../core/telemetry.ts';

/** As tools see it, but that the answers are the caller's own. */
type StoreEnd = { readonly durationMs: number } & (
  | { readonly answers: EnqueueResult[] }
  | { readonly error: unknown }
);

type EnqueueTool = Telemetry & Required<Pick<Telemetry, 'aroundEnqueue'>>;
type AttemptTool = Telemetry & Required<Pick<Telemetry, 'aroundAttempt'>>;

/** The tools that are plugged in. Where there is none, nothing is wrapped. */
export class Instruments {
  readonly #tools = new Set<Telemetry>();
  readonly #clock: Clock;
  // The innermost first.
  readonly #enqueueTools: EnqueueTool[] = [];
  readonly #attemptTools: AttemptTool[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param source Made for each tool, for its subscription bears its name. */
  attach<T extends Telemetry>(tool: T, source: (name: string) => TelemetrySource): T {
    if (this.#tools.has(tool)) return tool;
    this.#tools.add(tool);
    if (tool.aroundEnqueue !== undefined) this.#enqueueTools.unshift(tool as T & EnqueueTool);
    if (tool.aroundAttempt !== undefined) this.#attemptTools.unshift(tool as T & AttemptTool);
    tool.watch?.(source(tool.name));
    return tool;
  }

  get attached(): ReadonlySet<Telemetry> {
    return this.#tools;
  }

  readonly aroundEnqueue: AroundEnqueue = (jobs, store) => {
    if (this.#enqueueTools.length === 0) return store(jobs);
    let call = (carried?: TraceContext) => this.#endOf(store(carrying(jobs, carried)));
    for (const tool of this.#enqueueTools) {
      call = wrapped(call, (run) => tool.aroundEnqueue(jobs, run));
    }
    return call().then(answersOf);
  };

  readonly aroundAttempt: AroundAttempt = <End extends AttemptEnd>(
    job: ClaimedJob,
    run: (traceId?: string) => Promise<End>,
  ): Promise<End> => {
    let call = run;
    for (const tool of this.#attemptTools) {
      call = wrapped(call, (inner) => tool.aroundAttempt(job, inner));
    }
    return call();
  };

  async #endOf(storing: Promise<EnqueueResult[]>): Promise<StoreEnd> {
    const startedMs = this.#clock.monotonicMs();
    const took = () => this.#clock.monotonicMs() - startedMs;
    try {
      return { answers: await storing, durationMs: took() };
    } catch (error) {
      return { error, durationMs: took() };
    }
  }
}

/** A tool around what it stands around. One that throws, hangs or forgets to call `run` is as good as none. */
function wrapped<Carried, End>(
  inner: (carried?: Carried) => Promise<End>,
  tool: (run: (carried?: Carried) => Promise<End>) => unknown,
): (carried?: Carried) => Promise<End> {
  return (outer) => {
    let begun: Promise<End> | undefined;
    const run = (carried?: Carried) => (begun ??= inner(carried ?? outer));
    try {
      const answer: unknown = tool(run);
      if (answer instanceof Promise) answer.catch(ignore);
    } catch {
      // See above.
    }
    return run();
  };
}

function ignore(): void {}

function carrying(jobs: readonly NewJob[], carried: TraceContext | undefined): readonly NewJob[] {
  if (carried === undefined) return jobs;
  return jobs.map((job) => ({ ...job, meta: { ...job.meta, ...carried } }));
}

function answersOf(end: StoreEnd): EnqueueResult[] {
  if ('error' in end) throw end.error;
  return end.answers;
}
