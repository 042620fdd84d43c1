import type { Emit, MillraceEvent } from '../../packages/millrace/src/core/events.ts';
import type { TelemetrySource } from '../../packages/millrace/src/core/telemetry.ts';

/** What a tool watches, without an engine: events are delivered at once. */
export function recordedSource(): { readonly source: TelemetrySource; readonly emit: Emit } {
  const listeners = new Set<(event: MillraceEvent) => void>();
  return {
    source: {
      version: '0.0.0',
      jobs: new Map(),
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      vitals: () => ({
        running: new Map(),
        inHand: 0,
        unwritten: 0,
        connections: { engine: 0, pool: 0 },
      }),
      backlog: () => Promise.resolve({ queues: [], unserved: [] }),
    },
    emit(name, data) {
      const event = { name, data, atMs: 0 } as MillraceEvent;
      for (const listener of listeners) listener(event);
    },
  };
}
