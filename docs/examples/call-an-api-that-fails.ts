import { createMillrace, defineJob, discard, exponential, retryAfter } from 'millrace';
import { z } from 'zod';

const api = process.env['API_URL'] ?? 'http://localhost:8080';

const syncCustomer = defineJob({
  kind: 'sync-customer',
  payload: z.object({ customerId: z.string() }),
  queue: 'crm',
  maxAttempts: 8,
  retry: exponential({ first: '2s', cap: '1h' }), // 2 s, 4 s, 8 s, … each ±10 %
  timeout: '30s', // aborts the signal
  async handler({ customerId }, { signal, attempt }) {
    const response = await fetch(`${api}/customers/${customerId}`, { method: 'PUT', signal });
    if (response.status === 429 || response.status === 503) {
      const seconds = Number(response.headers.get('retry-after') ?? 60);
      throw retryAfter(`${seconds}s`, `told to come back after ${seconds} s`);
    }
    // What no repetition can mend ends at once, with its reason.
    if (response.status === 404) throw discard(`no customer ${customerId}`);
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    console.log(`done at attempt ${attempt}`); // prints: done at attempt 2
  },
});

const millrace = createMillrace({ jobs: [syncCustomer], logger: false });
await millrace.migrate();
await millrace.enqueue(syncCustomer, { customerId: '42' });
await millrace.enqueue(syncCustomer, { customerId: 'unknown' });

millrace.subscribe(({ name, data }) => {
  if (name === 'attempt:finished') console.log(data.state);
  // prints: retryable
  // prints: discarded
});
// At most five calls at a time, whatever else this process runs.
await millrace.createWorker({ queues: { crm: { concurrency: 5 } } }).run();
