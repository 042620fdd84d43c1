import { EmptySchema } from '@bufbuild/protobuf/wkt';
import { defineJob, every, type Transaction } from 'millrace';
import { protobuf } from 'millrace/protobuf';
import { sendEmail } from './send-email.ts';

interface Undigested {
  readonly user_id: string;
  readonly name: string;
  readonly email: string;
  readonly message_id: string;
  readonly author: string;
  readonly text: string;
}

/** One e-mail for everybody who prefers digests, with what came since the last one. */
export const sendDigests = defineJob({
  kind: 'send-digests',
  payload: protobuf(EmptySchema),
  schedule: { at: every('15m'), missed: { all: '1d' } },
  transaction: true,
  async handler(_empty, { tx, enqueue }) {
    const byUser = Map.groupBy(await undigested(tx), (item) => item.user_id);
    for (const [userId, items] of byUser) {
      const [{ name, email: to } = { name: '', email: '' }] = items;
      const messages = items.map(({ message_id, author, text }) => ({
        id: BigInt(message_id),
        author,
        text,
      }));
      const content = { case: 'digest', value: { messages } } as const;
      const { id } = await enqueue(sendEmail, { to, name, content });
      await tx.query(
        `UPDATE deliveries SET job_id = $3
          WHERE channel = 'digest' AND user_id = $1 AND message_id = ANY ($2::bigint[])`,
        [userId, items.map((item) => item.message_id), id],
      );
    }
  },
});

/** What no digest has. Rows that another digest has in hand are skipped: two may run at the same time. */
async function undigested(tx: Transaction): Promise<Undigested[]> {
  const { rows } = await tx.query<Undigested>(
    `SELECT d.user_id, u.name, u.email, d.message_id, a.name AS author, m.text
       FROM deliveries d
       JOIN users u ON u.id = d.user_id
       JOIN messages m ON m.id = d.message_id
       JOIN users a ON a.id = m.author_id
      WHERE d.job_id IS NULL
      ORDER BY d.user_id, d.message_id
        FOR UPDATE OF d SKIP LOCKED`,
  );
  return rows;
}
