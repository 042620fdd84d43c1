import { defineJob, delays } from 'millrace';
import { z } from 'zod';

/** Sends a receipt; the mail server refuses the first attempt. */
export const sendReceipt = defineJob({
  kind: 'send-receipt',
  queue: 'mail',
  payload: z.object({ to: z.email() }),
  retry: delays([0]),
  async handler({ to }, { attempt, logger }) {
    if (attempt === 1) throw new Error('the mail server is busy');
    logger.info({ to }, 'receipt sent');
  },
});

class CardRefused extends Error {
  override readonly name = 'CardRefused';
}

/** Charges a card and has a receipt sent. */
export const charge = defineJob({
  kind: 'charge',
  payload: z.object({ card: z.string(), email: z.email() }),
  maxAttempts: 1,
  async handler({ card, email }, { enqueue, logger }) {
    if (card === 'stolen') throw new CardRefused('the bank says no');
    logger.info({}, 'card charged');
    await enqueue(sendReceipt, { to: email });
  },
});
