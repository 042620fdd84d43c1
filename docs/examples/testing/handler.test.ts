import { expect, it } from 'vitest';
import { runJob } from 'millrace/testing';
import { createConfirmation } from './app.ts';

it('waits for the payment', async () => {
  const confirm = createConfirmation(() => Promise.reject(new Error('no mail before the payment')));
  const { state, delayMs } = await runJob(confirm, { booking: 0, email: 'ada@example.com' });
  expect({ state, delayMs }).toEqual({ state: 'scheduled', delayMs: 3_600_000 });
});

it('passes errors on', async () => {
  const confirm = createConfirmation(() => Promise.reject(new Error('the mail service is away')));
  const run = runJob(confirm, { booking: 7, email: 'ada@example.com' }, { attempt: 3 });
  await expect(run).rejects.toThrow('the mail service is away');
});
