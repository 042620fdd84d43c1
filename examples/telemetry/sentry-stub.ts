import * as Sentry from '@sentry/node';

/** What Sentry would have been sent, by kind of item. */
export interface Sent {
  readonly events: readonly Sentry.ErrorEvent[];
  readonly checkIns: readonly Readonly<Record<string, unknown>>[];
}

/** Starts the real SDK with a transport that keeps what it is given. */
export function startSentry(): Sent {
  const events: Sentry.ErrorEvent[] = [];
  const checkIns: Record<string, unknown>[] = [];
  Sentry.init({
    dsn: 'https://key@sentry.invalid/1',
    environment: 'example',
    enableOpenTelemetrySetup: false,
    sendClientReports: false,
    transport: () => ({
      send([, items]) {
        for (const [{ type }, payload] of items) {
          if (type === 'event') events.push(payload as Sentry.ErrorEvent);
          if (type === 'check_in') checkIns.push(payload as unknown as Record<string, unknown>);
        }
        return Promise.resolve({ statusCode: 200 });
      },
      flush: () => Promise.resolve(true),
    }),
  });
  return { events, checkIns };
}
