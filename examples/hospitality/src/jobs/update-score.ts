import { defineJob } from 'millrace';
import { z } from 'zod';

/** Gives points to a user, exactly once: the points and the completion of the job are one transaction. */
export const updateScore = defineJob({
  kind: 'update-score',
  payload: z.object({ userId: z.string(), points: z.int() }),
  transaction: true,
  async handler({ userId, points }, { tx }) {
    await tx.query('UPDATE scores SET points = points + $2 WHERE user_id = $1', [userId, points]);
  },
});
