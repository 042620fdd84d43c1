import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { AcceptedLog } from './accepted-log.ts';

/** Devices with this beginning are too busy at first: 429 with a time to wait, once for every notification. */
export const busyDevice = 'busy-';

/** Notifications to devices with this beginning fail twice with 500. */
export const flakyDevice = 'flaky-';

const retryAfterSeconds = 30;

export interface PushServer extends AsyncDisposable {
  readonly url: string;
  /** How often it has said "slow down" and "internal error". */
  readonly refused: { busy: number; failed: number };
}

/** A push service on a free port of this machine that delivers to a log. */
export async function startPushServer(log: AcceptedLog): Promise<PushServer> {
  const refused = { busy: 0, failed: 0 };
  const tries = new Map<string, number>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const jobId = String(request.headers['idempotency-key']);
    const { device, title } = (await json(request)) as { device: string; title: string };
    const tried = tries.get(jobId) ?? 0;
    tries.set(jobId, tried + 1);
    if (device.startsWith(busyDevice) && tried === 0) {
      refused.busy += 1;
      response.writeHead(429, { 'retry-after': String(retryAfterSeconds) }).end('slow down');
    } else if (device.startsWith(flakyDevice) && tried < 2) {
      refused.failed += 1;
      response.writeHead(500).end('internal error');
    } else {
      log.append({ jobId, title });
      response.writeHead(200).end('accepted');
    }
  }

  const server = createServer((request, response) => {
    // A worker that is killed cuts its requests off.
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/push`,
    refused,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
