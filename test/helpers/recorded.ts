import type { Millrace, MillraceEvent } from 'millrace';

type Data<Name extends MillraceEvent['name']> = Extract<MillraceEvent, { name: Name }>['data'];

/** What has happened since `recordEvents` was called. */
export interface RecordedEvents {
  named<Name extends MillraceEvent['name']>(name: Name): Data<Name>[];
}

export function recordEvents(millrace: Pick<Millrace, 'subscribe'>): RecordedEvents {
  const events: MillraceEvent[] = [];
  millrace.subscribe((event) => events.push(event));
  return {
    named: <Name extends MillraceEvent['name']>(name: Name) =>
      events.filter((event) => event.name === name).map((event) => event.data as Data<Name>),
  };
}
