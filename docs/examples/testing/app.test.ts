import { expect, it } from 'vitest';
import { assertEnqueued, createTestDatabase, crashPoints, drain, simulate } from 'millrace/testing';
import { confirmBooking, createApp } from './app.ts';

it('confirms a booking', async () => {
  await using database = await createTestDatabase();
  const mails: string[] = [];
  await using millrace = createApp(
    database.url,
    async (to, text) => void mails.push(`${to}: ${text}`),
  );

  await millrace.enqueue(confirmBooking, { booking: 7, email: 'ada@example.com' });
  await assertEnqueued(millrace, confirmBooking, { payload: { booking: 7 }, count: 1 });
  await drain(millrace);

  expect(mails).toEqual(['ada@example.com: Your booking 7 is confirmed.']);
});

it('tells when the mail service is away, and tries again', async () => {
  await using database = await createTestDatabase();
  let calls = 0;
  await using millrace = createApp(database.url, async () => {
    calls += 1;
    if (calls === 1) throw new Error('the mail service is away');
  });
  const { id } = await millrace.enqueue(confirmBooking, { booking: 7, email: 'ada@example.com' });

  await expect(drain(millrace)).rejects.toThrow('the mail service is away');
  expect((await millrace.get(id))?.state).toBe('retryable');
  await simulate(millrace, { for: '5m' });
  expect((await millrace.get(id))?.state).toBe('completed');
});

it('reminds the guests every morning', async () => {
  await using database = await createTestDatabase();
  let reminders = 0;
  await using millrace = createApp(database.url, async () => void (reminders += 1));

  await simulate(millrace, { for: '7d' });

  expect(reminders).toBe(7);
});

it.each(crashPoints)('sends one mail, also when the process dies %s', async (crashAt) => {
  await using database = await createTestDatabase();
  const sent = new Set<string>();
  await using millrace = createApp(database.url, async (_to, _text, key) => void sent.add(key));
  await millrace.enqueue(confirmBooking, { booking: 7, email: 'ada@example.com' });

  await drain(millrace, { crashAt });

  expect(sent.size).toBe(1);
});
