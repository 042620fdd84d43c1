import { channel } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import type { MillraceEvent } from '../core/events.ts';
import { systemClock } from '../system-clock.ts';
import { publishEvents } from './diagnostics.ts';
import { createEventBus, type EventBus } from './event-bus.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

function emitMany(bus: EventBus, count: number, from = 0): void {
  for (let n = from; n < from + count; n++) bus.emit('settle:written', { jobs: n, durationMs: 0 });
}

/** What a subscriber got: the numbers of the events, and of the drops. */
const brief = (event: MillraceEvent) =>
  event.name === 'settle:written'
    ? event.data.jobs
    : event.name === 'events:dropped'
      ? `dropped ${event.data.events}`
      : event.name;

describe('the event bus', () => {
  it('delivers in order, after the turn in which something was emitted', async () => {
    const bus = createEventBus(systemClock);
    const got: unknown[] = [];
    bus.subscribe((event) => got.push(brief(event)));
    emitMany(bus, 3);
    expect(got).toEqual([]);
    await turn();
    expect(got).toEqual([0, 1, 2]);
  });

  it('delivers in slices, so that many events do not hold up the engine', async () => {
    const bus = createEventBus(systemClock);
    const got: unknown[] = [];
    bus.subscribe((event) => got.push(brief(event)));
    emitMany(bus, 1_250);
    const seen: number[] = [];
    while (got.length < 1_250) {
      await turn();
      seen.push(got.length);
    }
    expect(seen).toEqual([500, 1_000, 1_250]);
  });

  it('G23: keeps at most 10,000 events for a slow subscriber, and tells it once how many it missed, in their place', async () => {
    const bus = createEventBus(systemClock);
    const got: unknown[] = [];
    bus.subscribe((event) => got.push(brief(event)), 'slow');
    emitMany(bus, 10_500);
    await turn();
    emitMany(bus, 1, 99_999);
    while (got.length < 10_002) await turn();
    expect(got.slice(9_998)).toEqual([9_998, 9_999, 'dropped 500', 99_999]);
  });

  it('tells of drops also when nothing is emitted after them', async () => {
    const bus = createEventBus(systemClock);
    const got: unknown[] = [];
    bus.subscribe((event) => got.push(brief(event)));
    emitMany(bus, 10_003);
    while (got.length < 10_001) await turn();
    expect(got.at(-1)).toBe('dropped 3');
  });

  it('a subscriber that throws, or rejects, disturbs neither the others nor itself', async () => {
    const bus = createEventBus(systemClock);
    const got: unknown[] = [];
    let calls = 0;
    bus.subscribe(() => {
      calls += 1;
      throw new Error('in a subscriber');
    });
    bus.subscribe(() => {
      calls += 1;
      return Promise.reject(new Error('in an asynchronous subscriber')) as never;
    });
    bus.subscribe((event) => got.push(brief(event)));
    emitMany(bus, 2);
    await turn();
    await turn();
    expect([calls, got]).toEqual([4, [0, 1]]);
  });

  it('an ended subscription gets nothing more, not even what waits', async () => {
    const bus = createEventBus(systemClock);
    const got: unknown[] = [];
    const end = bus.subscribe((event) => got.push(brief(event)));
    emitMany(bus, 2);
    end();
    end();
    emitMany(bus, 2);
    await turn();
    expect(got).toEqual([]);
  });

  it('flush delivers at once what waits, and ends although subscribers emit', () => {
    const bus = createEventBus(systemClock);
    const got: unknown[] = [];
    bus.subscribe((event) => {
      got.push(brief(event));
      emitMany(bus, 1, 1_000);
    });
    emitMany(bus, 300);
    bus.flush();
    expect(got.slice(0, 300)).toEqual(Array.from({ length: 300 }, (_, n) => n));
    expect(got.length).toBeLessThan(2_000);
  });
});

it('every event is published on the channel of its name, if somebody listens there', async () => {
  const bus = createEventBus(systemClock);
  const end = publishEvents(bus);
  const got: unknown[] = [];
  const listener = (event: unknown) => got.push(brief(event as MillraceEvent));
  const written = channel('millrace:settle:written');
  emitMany(bus, 1);
  await turn();
  written.subscribe(listener);
  emitMany(bus, 1, 1);
  bus.emit('listener:ready', {});
  await turn();
  written.unsubscribe(listener);
  end();
  expect(got).toEqual([1]);
});
