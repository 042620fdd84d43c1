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

/** What a tool stands around: it calls `run`, perhaps with something to carry along. */
type Wrap<Carried, End> = (run: (carried?: Carried) => Promise<End>) => unknown;

/** As tools see it, but that the answers are the caller's own. */
type StoreEnd = { readonly durationMs: number } & (
  | { readonly answers: EnqueueResult[] }
  | { readonly error: unknown }
);

/** The tools that are plugged in. Where there is none, nothing is wrapped. */
export class Instruments {
  readonly #tools = new Set<Telemetry>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param source Made for each tool, for its subscription bears its name. */
  attach<T extends Telemetry>(tool: T, source: (name: string) => TelemetrySource): T {
    if (this.#tools.has(tool)) return tool;
    this.#tools.add(tool);
    tool.watch?.(source(tool.name));
    return tool;
  }

  get attached(): ReadonlySet<Telemetry> {
    return this.#tools;
  }

  readonly aroundEnqueue: AroundEnqueue = (jobs, store) => {
    const wraps = this.#wraps<TraceContext, StoreEnd>(
      (tool) => tool.aroundEnqueue && ((run) => tool.aroundEnqueue?.(jobs, run)),
    );
    if (wraps.length === 0) return store(jobs);
    return wrapped(wraps, (carried) => this.#endOf(store(carrying(jobs, carried)))).then(answersOf);
  };

  readonly aroundAttempt: AroundAttempt = <End extends AttemptEnd>(
    job: ClaimedJob,
    run: (traceId?: string) => Promise<End>,
  ): Promise<End> => {
    if (this.#tools.size === 0) return run();
    const wraps = this.#wraps<string, End>(
      (tool) => tool.aroundAttempt && ((inner) => tool.aroundAttempt?.(job, inner)),
    );
    return wraps.length === 0 ? run() : wrapped(wraps, run);
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

  #wraps<Carried, End>(
    of: (tool: Telemetry) => Wrap<Carried, End> | undefined,
  ): Wrap<Carried, End>[] {
    const wraps: Wrap<Carried, End>[] = [];
    for (const tool of this.#tools) {
      const wrap = of(tool);
      if (wrap !== undefined) wraps.push(wrap);
    }
    return wraps;
  }
}

/** The first stands outermost. A tool that throws, hangs or forgets to call `run` is as good as none. */
function wrapped<Carried, End>(
  wraps: readonly Wrap<Carried, End>[],
  innermost: (carried?: Carried) => Promise<End>,
): Promise<End> {
  let call = innermost;
  for (const wrap of wraps.toReversed()) {
    const inner = call;
    call = (outer) => {
      let begun: Promise<End> | undefined;
      const run = (carried?: Carried) => (begun ??= inner(carried ?? outer));
      try {
        const answer: unknown = wrap(run);
        if (answer instanceof Promise) answer.catch(() => {});
      } catch {
        // See above.
      }
      return run();
    };
  }
  return call();
}

function carrying(jobs: readonly NewJob[], carried: TraceContext | undefined): readonly NewJob[] {
  if (carried === undefined) return jobs;
  return jobs.map((job) => ({ ...job, meta: { ...job.meta, ...carried } }));
}

function answersOf(end: StoreEnd): EnqueueResult[] {
  if ('error' in end) throw end.error;
  return end.answers;
}
