/**
 * What tools for metrics, traces and error reports plug into. The engine knows none of them: it emits events, answers
 * what it is asked, and lets a tool stand around the two places where a job passes through the application's own code.
 */
import type { EnqueueResult } from './enqueue.ts';
import type { Events, MillraceEvent } from './events.ts';
import type { ClaimedJob, JobMeta } from './job.ts';
import type { AnyJobDefinition } from './job-definition.ts';
import type { Backlog } from './operator/backlog.ts';
import type { NewJob } from './storage.ts';

/** What this process has in hand at this moment. */
export interface Vitals {
  /** Handlers that run, by kind. */
  readonly running: ReadonlyMap<string, number>;
  /** Claimed jobs: those that run, wait for a slot, or wait for their outcome to be written. */
  readonly inHand: number;
  /** Outcomes that the database has not taken yet. */
  readonly unwritten: number;
  /** Connections to the database: those of the engine, and those of the pool that the application's calls go through. */
  readonly connections: { readonly engine: number; readonly pool: number };
}

/** What one worker has in hand: how many jobs, the kinds of those that run, and how many outcomes that are not written. */
export interface InHand {
  readonly jobs: number;
  readonly running: readonly string[];
  readonly unwritten: number;
}

/** What a tool may listen to and ask. */
export interface TelemetrySource {
  /** The release of Millrace. */
  readonly version: string;
  /** The definitions of the application, by kind. */
  readonly jobs: ReadonlyMap<string, AnyJobDefinition>;
  /**
   * Calls `listener` for the events that it wants, after the engine's own work.
   * @returns a function that ends the subscription
   */
  subscribe(
    listener: (event: MillraceEvent) => void,
    wants: (name: MillraceEvent['name']) => boolean,
  ): () => void;
  vitals(): Vitals;
  /** What waits in the database, by cheap estimates, at most some seconds old. @throws MILLRACE_DB_… */
  backlog(): Promise<Backlog>;
}

/** How an attempt ended. */
export interface AttemptEnd {
  readonly finished: Events['attempt:finished'];
  /** What the handler threw, if that is why the attempt failed. */
  readonly thrown: unknown;
}

/** How enqueueing ended, and how long it took. */
export type EnqueueEnd = { readonly durationMs: number } & (
  | { readonly answers: readonly EnqueueResult[] }
  | { readonly error: unknown }
);

/** What jobs carry from whoever enqueues them to whoever runs them. */
export type TraceContext = Pick<JobMeta, 'traceparent' | 'tracestate'>;

/**
 * A tool that watches. `around…` must call `run` before it returns, and may do so inside a context of its own; `run`
 * resolves to what became of it and never rejects. Whatever the tool throws, or how long it takes, changes nothing.
 */
export interface Telemetry {
  /** How `events:dropped` calls it. */
  readonly name: string;
  /** Called once. */
  watch?(source: TelemetrySource): void;
  /** `run` takes what the jobs are to carry. */
  aroundEnqueue?(
    jobs: readonly NewJob[],
    run: (carried?: TraceContext) => Promise<EnqueueEnd>,
  ): unknown;
  /** `run` takes the id of the trace that this attempt belongs to, for its lines in the log. */
  aroundAttempt?(job: ClaimedJob, run: (traceId?: string) => Promise<AttemptEnd>): unknown;
}

/** How the engine stores jobs; each time through all tools. */
export type AroundEnqueue = (
  jobs: readonly NewJob[],
  store: (jobs: readonly NewJob[]) => Promise<EnqueueResult[]>,
) => Promise<EnqueueResult[]>;

/** How the engine runs an attempt; `run` never rejects. */
export type AroundAttempt = <End extends AttemptEnd>(
  job: ClaimedJob,
  run: (traceId?: string) => Promise<End>,
) => Promise<End>;
