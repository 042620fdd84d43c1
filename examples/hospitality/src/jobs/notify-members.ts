import { defineJob, type Transaction } from 'millrace';
import { z } from 'zod';
import { sendEmail } from './send-email.ts';
import { sendPush } from './send-push.ts';

interface Recipient {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly device: string;
  readonly notify_by: readonly ('email' | 'push' | 'digest')[];
  readonly author: string;
  readonly text: string;
}

/**
 * Fans a message out: one job for every member of the house and every way in which this member wants to hear of it. The
 * jobs and the rows of `deliveries` commit together with the completion of this job, so a repeated attempt notifies
 * nobody twice.
 */
export const notifyMembers = defineJob({
  kind: 'notify-members',
  payload: z.object({ messageId: z.string() }),
  priority: 10,
  transaction: true,
  async handler({ messageId }, { tx, enqueue }) {
    const rows: {
      readonly userId: string;
      readonly channel: string;
      readonly jobId: string | null;
    }[] = [];
    for (const { id: userId, ...recipient } of await recipientsOf(tx, messageId)) {
      const { name, email, device, author, text } = recipient;
      for (const channel of recipient.notify_by) {
        let jobId: string | null = null;
        if (channel === 'email') {
          const value = { id: BigInt(messageId), author, text };
          const content = { case: 'newMessage', value } as const;
          jobId = (await enqueue(sendEmail, { to: email, name, content })).id;
        } else if (channel === 'push') {
          jobId = (await enqueue(sendPush, { device, title: `${author}: ${text}` })).id;
        }
        rows.push({ userId, channel, jobId });
      }
    }
    await tx.query(
      `INSERT INTO deliveries (message_id, user_id, channel, job_id)
       SELECT $1, user_id, channel, job_id
         FROM unnest($2::bigint[], $3::text[], $4::bigint[]) AS r(user_id, channel, job_id)`,
      [
        messageId,
        rows.map(({ userId }) => userId),
        rows.map(({ channel }) => channel),
        rows.map(({ jobId }) => jobId),
      ],
    );
  },
});

async function recipientsOf(tx: Transaction, messageId: string): Promise<Recipient[]> {
  const { rows } = await tx.query<Recipient>(
    `SELECT u.id, u.name, u.email, u.device, u.notify_by, a.name AS author, m.text
       FROM messages m
       JOIN users a ON a.id = m.author_id
       JOIN users u ON u.house_id = m.house_id AND u.id <> m.author_id
      WHERE m.id = $1 ORDER BY u.id`,
    [messageId],
  );
  return rows;
}
