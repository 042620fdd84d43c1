import { defineJob, discard, exponential } from 'millrace';
import { protobuf } from 'millrace/protobuf';
import { SendEmailSchema } from '../gen/hospitality_pb.ts';
import { isRefusedForGood, mailer } from '../mail/mailer.ts';
import { renderEmail } from '../mail/render.ts';

/**
 * Hands one e-mail to the mail server. A job runs at least once, and its id never changes: as the Message-ID it lets
 * mail servers and readers recognize a repeat.
 */
export const sendEmail = defineJob({
  kind: 'send-email',
  queue: 'mail',
  payload: protobuf(SendEmailSchema),
  maxAttempts: 8,
  retry: exponential({ first: '1m' }),
  timeout: '1m',
  async handler(email, { id }) {
    try {
      await mailer.sendMail({
        messageId: `<job-${id}@hospitality.example>`,
        from: 'Hospitality <no-reply@hospitality.example>',
        to: email.to,
        ...renderEmail(email),
      });
    } catch (error) {
      if (isRefusedForGood(error)) throw discard(`no mail is taken for ${email.to}`);
      throw error;
    }
  },
});
