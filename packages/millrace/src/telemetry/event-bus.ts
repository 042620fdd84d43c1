import type { Clock } from '../core/clock.ts';
import type { Emit, MillraceEvent } from '../core/events.ts';

/** So many events wait for one subscriber; what comes while they wait is dropped and counted. */
const maxWaiting = 10_000;

/** So many events are delivered to one subscriber before the engine gets its turn again. */
const sliceSize = 500;

type Listener = (event: MillraceEvent) => void;

/** Whether a subscriber wants an event at all; asked at once, so that what nobody wants costs next to nothing. */
type Wants = (name: MillraceEvent['name'], data: MillraceEvent['data']) => boolean;

/** Carries events from the engine to whoever subscribes. */
export interface EventBus {
  /** Never throws and never waits. */
  readonly emit: Emit;
  /**
   * Calls `listener` for every event from now on, after the engine's own work. What it throws is ignored.
   * @param name How `events:dropped` calls the subscriber.
   * @param wants Default: every event.
   * @returns a function that ends the subscription
   */
  subscribe(listener: Listener, name?: string, wants?: Wants): () => void;
  /** Delivers what waits, at once: before the process ends there may be no later. */
  flush(): void;
}

/** One subscriber with its own bounded queue, so that a slow one is slow for itself alone. */
class Subscriber {
  readonly wants: Wants;
  readonly #listener: Listener;
  readonly #name: string;
  readonly #clock: Clock;
  #waiting: MillraceEvent[] = [];
  #next = 0;
  #dropped = 0;
  #draining = false;
  #ended = false;

  constructor(listener: Listener, name: string, wants: Wants, clock: Clock) {
    this.wants = wants;
    this.#listener = listener;
    this.#name = name;
    this.#clock = clock;
  }

  offer(event: MillraceEvent): void {
    if (this.#waiting.length - this.#next >= maxWaiting) {
      this.#dropped += 1;
      return;
    }
    this.#reportDropped();
    this.#waiting.push(event);
    if (this.#draining) return;
    this.#draining = true;
    setImmediate(() => this.#drain());
  }

  /** At most what waits now: listeners that emit cannot keep this going. */
  flush(): void {
    this.#deliver(this.#waiting.length - this.#next);
    if (this.#next === this.#waiting.length) this.#reportDropped();
    this.#deliver(this.#waiting.length - this.#next);
  }

  end(): void {
    this.#ended = true;
    this.#waiting = [];
    this.#next = 0;
  }

  #drain(): void {
    this.#deliver(sliceSize);
    if (this.#next === this.#waiting.length) this.#reportDropped();
    if (this.#next === this.#waiting.length) this.#draining = false;
    else setImmediate(() => this.#drain());
  }

  /** One event for all that were dropped since the last one, at the place in the order where they are missing. */
  #reportDropped(): void {
    if (this.#dropped === 0 || this.#ended) return;
    const data = { subscriber: this.#name, events: this.#dropped };
    this.#dropped = 0;
    this.#waiting.push({ name: 'events:dropped', data, atMs: this.#clock.monotonicMs() });
  }

  #deliver(most: number): void {
    for (let count = 0; count < most; count++) {
      const event = this.#waiting[this.#next];
      if (event === undefined) break;
      this.#next += 1;
      this.#call(event);
    }
    if (this.#next < this.#waiting.length) return;
    this.#waiting = [];
    this.#next = 0;
  }

  /** A subscriber's failure is its own: neither the engine nor the other subscribers may notice. */
  #call(event: MillraceEvent): void {
    try {
      // Typed as answering with nothing, yet an async function is assignable to it.
      const answer: unknown = this.#listener(event);
      if (answer instanceof Promise) answer.catch(() => {});
    } catch {
      // See above.
    }
  }
}

export function createEventBus(clock: Clock): EventBus {
  const subscribers = new Set<Subscriber>();
  let named = 0;
  return {
    emit(name, data) {
      let event: MillraceEvent | undefined;
      for (const subscriber of subscribers) {
        if (!subscriber.wants(name, data)) continue;
        event ??= { name, data, atMs: clock.monotonicMs() } as MillraceEvent;
        subscriber.offer(event);
      }
    },
    subscribe(listener, name, wants = () => true) {
      named += 1;
      const subscriber = new Subscriber(listener, name ?? `subscriber ${named}`, wants, clock);
      subscribers.add(subscriber);
      return () => {
        subscribers.delete(subscriber);
        subscriber.end();
      };
    },
    flush() {
      for (const subscriber of subscribers) subscriber.flush();
    },
  };
}
