import { channel, type Channel } from 'node:diagnostics_channel';
import type { EventBus } from './event-bus.ts';

/**
 * Publishes every event on the diagnostics channel `millrace:<name of the event>`, for tools that listen without being
 * handed the Millrace object. Costs a look at the channel while nobody listens.
 */
export function publishEvents(bus: EventBus): () => void {
  const channels = new Map<string, Channel>();
  return bus.subscribe((event) => {
    let target = channels.get(event.name);
    if (target === undefined) {
      target = channel(`millrace:${event.name}`);
      channels.set(event.name, target);
    }
    if (target.hasSubscribers) target.publish(event);
  }, 'diagnostics_channel');
}
