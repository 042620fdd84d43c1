import { channel, type Channel } from 'node:diagnostics_channel';
import type { EventBus } from './event-bus.ts';

/**
 * Publishes every event on the diagnostics channel `millrace:<name of the event>`, for tools that listen without being
 * handed the Millrace object. Costs a look at the channel while nobody listens.
 */
export function publishEvents(bus: EventBus): () => void {
  const channels = new Map<string, Channel>();
  const channelOf = (name: string): Channel => {
    const known = channels.get(name);
    if (known !== undefined) return known;
    const made = channel(`millrace:${name}`);
    channels.set(name, made);
    return made;
  };
  return bus.subscribe(
    (event) => channelOf(event.name).publish(event),
    'diagnostics_channel',
    (name) => channelOf(name).hasSubscribers,
  );
}
