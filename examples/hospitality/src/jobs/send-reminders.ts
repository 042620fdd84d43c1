import { EmptySchema, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { defineJob, every } from 'millrace';
import { protobuf } from 'millrace/protobuf';
import { sendEmail } from './send-email.ts';

interface Stay {
  readonly id: string;
  readonly house: string;
  readonly arrives_at: Date;
  readonly name: string;
  readonly email: string;
}

/** Reminds guests of a stay that begins within a day, once. What is near depends on the fire time, not on when it runs. */
export const sendReminders = defineJob({
  kind: 'send-reminders',
  payload: protobuf(EmptySchema),
  schedule: { at: every('1h'), missed: { all: '1d' } },
  transaction: true,
  async handler(_empty, { tx, enqueue, scheduledAt }) {
    const { rows } = await tx.query<Stay>(
      `SELECT s.id, s.house, s.arrives_at, u.name, u.email
         FROM stays s JOIN users u ON u.id = s.user_id
        WHERE s.reminder_job_id IS NULL
          AND s.arrives_at > $1::timestamptz AND s.arrives_at <= $1::timestamptz + interval '1 day'
        ORDER BY s.id FOR UPDATE OF s SKIP LOCKED`,
      [scheduledAt],
    );
    for (const { id, house, arrives_at, name, email: to } of rows) {
      const value = { house, arrivesAt: timestampFromDate(arrives_at) };
      const content = { case: 'reminder', value } as const;
      const job = await enqueue(sendEmail, { to, name, content });
      await tx.query('UPDATE stays SET reminder_job_id = $2 WHERE id = $1', [id, job.id]);
    }
  },
});
