import { defineJob } from 'millrace';
import { z } from 'zod';

/**
 * Counts a message as unread for everybody else in the house. Counting is not repeatable; done in the transaction that
 * also completes the job, it happens exactly once.
 */
export const updateBadges = defineJob({
  kind: 'update-badges',
  payload: z.object({ messageId: z.string() }),
  transaction: true,
  async handler({ messageId }, { tx }) {
    await tx.query(
      `UPDATE badges SET unread = unread + 1
         FROM messages m JOIN users u ON u.house_id = m.house_id AND u.id <> m.author_id
        WHERE m.id = $1 AND badges.user_id = u.id`,
      [messageId],
    );
  },
});
