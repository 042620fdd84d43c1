import { createTransport } from 'nodemailer';

/** Conversations with the mail server, kept open between e-mails. */
export const mailer = createTransport({
  url: process.env['SMTP_URL'] ?? 'smtp://localhost:25',
  pool: true,
  maxConnections: 10,
});

/** Answers of SMTP from 500 say that repeating is useless; those below, such as 451, that it may help. */
export function isRefusedForGood(error: unknown): boolean {
  return (
    error instanceof Error &&
    'responseCode' in error &&
    typeof error.responseCode === 'number' &&
    error.responseCode >= 500
  );
}
