import type { Clock } from '../core/clock.ts';
import type { AnyJobDefinition } from '../core/job-definition.ts';
import type { Backlog, BacklogReader } from '../core/operator/backlog.ts';
import type { InHand, TelemetrySource, Vitals } from '../core/telemetry.ts';
import type { EventBus } from './event-bus.ts';

/** For so long an answer of the database serves all who ask: several tools, or several pages of metrics. */
const backlogLastsMs = 5_000;

export interface SourceParts {
  readonly version: string;
  readonly jobs: ReadonlyMap<string, AnyJobDefinition>;
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly reader: BacklogReader;
  /** What each worker of this process has in hand. */
  readonly inHand: () => Iterable<InHand>;
  readonly connections: () => Vitals['connections'];
}

/** What tools may ask, each under its own name. */
export function telemetrySources(parts: SourceParts): (name: string) => TelemetrySource {
  const { version, jobs, bus } = parts;
  const backlog = remembered(parts.clock, () => parts.reader.backlog());
  return (name) => ({
    version,
    jobs,
    subscribe: (listener, wants) => bus.subscribe(listener, name, wants),
    vitals: () => vitals(parts.inHand(), parts.connections()),
    backlog,
  });
}

function vitals(workers: Iterable<InHand>, connections: Vitals['connections']): Vitals {
  const running = new Map<string, number>();
  let inHand = 0;
  let unwritten = 0;
  for (const worker of workers) {
    inHand += worker.jobs;
    unwritten += worker.unwritten;
    for (const kind of worker.running) running.set(kind, (running.get(kind) ?? 0) + 1);
  }
  return { running, inHand, unwritten, connections };
}

/** One question at a time, and none while the last answer is fresh. A failure is not remembered. */
function remembered(clock: Clock, read: () => Promise<Backlog>): () => Promise<Backlog> {
  let asked: { readonly answer: Promise<Backlog>; readonly untilMs: number } | undefined;
  return () => {
    if (asked !== undefined && clock.monotonicMs() < asked.untilMs) return asked.answer;
    const answer = read();
    const now = { answer, untilMs: clock.monotonicMs() + backlogLastsMs };
    asked = now;
    answer.catch(() => {
      if (asked === now) asked = undefined;
    });
    return answer;
  };
}
