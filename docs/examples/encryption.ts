import { randomBytes } from 'node:crypto';
import { createMillrace, defineJob } from 'millrace';
import { encryption } from 'millrace/encryption';
import { z } from 'zod';

// 32 random bytes each; in production from a secret store: openssl rand -base64 32
const { KEY_2026 = randomBytes(32).toString('base64') } = process.env;
const { KEY_2025 = randomBytes(32).toString('base64') } = process.env;

const sealed = encryption({
  keys: { k2026: KEY_2026, k2025: KEY_2025 },
  current: 'k2026', // encrypts; all of them decrypt
});

const pay = defineJob({
  kind: 'pay',
  payload: z.object({ iban: z.string() }),
  handler: async ({ iban }) => ({ paidTo: iban }),
});

const millrace = createMillrace({ jobs: [pay], use: [sealed] });
await millrace.migrate();
const { id } = await millrace.enqueue(pay, { iban: 'DE02120300000000202051' });
await millrace.runJob(id); // as a worker does

const job = await millrace.get(id);
console.log(Object.keys(job?.payload ?? {}));
// prints: [ 'kid', 'data', 'version', 'millrace:encrypted' ]
if (job !== null) console.log(sealed.open(job).result); // prints: { paidTo: 'DE02120300000000202051' }
await millrace.createWorker().run(); // until SIGTERM
await millrace.close();
