import { defineJob, retryAfter } from 'millrace';
import { z } from 'zod';

const endpoint = process.env['PUSH_URL'] ?? 'http://localhost:8080/push';

/** How long to leave an endpoint alone that asks for it without saying how long. */
const defaultPauseSeconds = 60;

/** Sends a push notification over HTTP. */
export const sendPush = defineJob({
  kind: 'send-push',
  payload: z.object({ device: z.string(), title: z.string() }),
  maxAttempts: 8,
  timeout: '30s',
  async handler(notification, { id, signal }) {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': id },
      body: JSON.stringify(notification),
      signal,
    });
    // An unread answer would keep its connection busy.
    const answer = await response.text();
    if (response.status === 429) {
      const seconds = Number(response.headers.get('retry-after') ?? defaultPauseSeconds);
      throw retryAfter(seconds * 1_000, 'the push service asks to slow down');
    }
    if (!response.ok) throw new Error(`the push service answered ${response.status} ${answer}`);
  },
});
