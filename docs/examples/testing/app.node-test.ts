import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createTestDatabase, drain } from 'millrace/testing';
import { confirmBooking, createApp } from './app.ts';

it('confirms a booking', async () => {
  await using database = await createTestDatabase();
  const mails: string[] = [];
  await using millrace = createApp(database.url, async (to) => void mails.push(to));
  await millrace.enqueue(confirmBooking, { booking: 7, email: 'ada@example.com' });
  await drain(millrace);
  assert.deepEqual(mails, ['ada@example.com']);
});
