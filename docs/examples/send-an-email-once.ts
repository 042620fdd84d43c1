import { createMillrace, defineJob, discard } from 'millrace';
import { z } from 'zod';

const mailApi = process.env['API_URL'] ?? 'http://localhost:8025';

const sendReceipt = defineJob({
  kind: 'send-receipt',
  payload: z.object({ orderId: z.number(), email: z.email() }),
  async handler({ orderId, email }, { id, signal }) {
    const response = await fetch(`${mailApi}/send`, {
      method: 'POST',
      headers: { 'idempotency-key': id }, // the same for every attempt of this job
      body: JSON.stringify({ to: email, subject: `Your order ${orderId}` }),
      signal,
    });
    if (response.status === 422) throw discard('the mail service refuses this address');
    if (!response.ok) throw new Error(`the mail service said ${response.status}`);
    console.log(`receipt for order ${orderId} sent`); // prints: receipt for order 7 sent
  },
});

const millrace = createMillrace({ jobs: [sendReceipt] });
await millrace.migrate();
await millrace.transaction(async (tx) => {
  await tx.query('CREATE TABLE IF NOT EXISTS orders (id int PRIMARY KEY, email text NOT NULL)');
  await tx.query(`INSERT INTO orders VALUES (7, 'ada@example.com') ON CONFLICT DO NOTHING`);
  const payload = { orderId: 7, email: 'ada@example.com' };
  const first = await millrace.enqueue(sendReceipt, payload, { tx, uniqueKey: 'receipt-7' });
  const again = await millrace.enqueue(sendReceipt, payload, { tx, uniqueKey: 'receipt-7' });
  console.log(first.status, again.status, first.id === again.id); // prints: created deduplicated true
});

await millrace.createWorker().run();
