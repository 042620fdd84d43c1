import type { Millrace } from 'millrace';
import { notifyMembers } from './jobs/notify-members.ts';
import { updateBadges } from './jobs/update-badges.ts';
import { updateScore } from './jobs/update-score.ts';

/** The house rules have no place for this message. */
export class MessageRefused extends Error {
  override readonly name = 'MessageRefused';
}

const pointsPerMessage = 10;

/**
 * Posts a message to everybody in the author's house. The message and the jobs that follow from it are written by one
 * transaction: all of them exist, or none.
 * @throws MessageRefused
 */
export function postMessage(
  millrace: Millrace,
  { authorId, text }: { readonly authorId: string; readonly text: string },
): Promise<string> {
  return millrace.transaction(async (tx) => {
    const { rows } = await tx.query<{ id: string }>(
      `INSERT INTO messages (house_id, author_id, text)
       SELECT house_id, id, $2 FROM users WHERE id = $1 RETURNING id`,
      [authorId, text],
    );
    const messageId = rows[0]?.id;
    if (messageId === undefined) throw new Error(`there is no user ${authorId}`);
    await millrace.enqueueMany(
      [
        notifyMembers.with({ messageId }),
        updateBadges.with({ messageId }),
        updateScore.with({ userId: authorId, points: pointsPerMessage }),
      ],
      { tx },
    );
    // The last word, after everything is written: what was enqueued disappears with the message.
    if (!keepsHouseRules(text)) throw new MessageRefused(`refused: ${text}`);
    return messageId;
  });
}

function keepsHouseRules(text: string): boolean {
  return !/\bdrums\b/i.test(text);
}
