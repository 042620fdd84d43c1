import { createMillrace, cron, defineJob, fixed, snooze } from 'millrace';
import { z } from 'zod';

export const confirmBooking = defineJob({
  kind: 'confirm-booking',
  payload: z.object({ booking: z.number(), email: z.email() }),
  maxAttempts: 3,
  retry: fixed('1m', { jitter: 0 }),
});

export const remindGuests = defineJob({
  kind: 'remind-guests',
  schedule: cron('0 9 * * *', { timeZone: 'Europe/Berlin' }),
});

/** `mail` has a key, by which the mail service sends nothing twice. */
export type Mail = (to: string, text: string, key: string) => Promise<void>;

export function createConfirmation(mail: Mail) {
  return confirmBooking.handle(async ({ booking, email }, { id }) => {
    if (booking === 0) throw snooze('1h'); // not paid yet
    await mail(email, `Your booking ${booking} is confirmed.`, id);
  });
}

export function createApp(connection: string, mail: Mail) {
  const reminder = remindGuests.handle(async (_, { id }) =>
    mail('all guests', 'See you soon!', id),
  );
  return createMillrace({ connection, logger: false, jobs: [createConfirmation(mail), reminder] });
}
