/** What the examples share: a table of users, a job, and the transaction that writes both. */
import { createMillrace, defineJob, isMillraceError } from 'millrace';
import { z } from 'zod';

const sendWelcome = defineJob({
  kind: 'send-welcome',
  payload: z.object({ email: z.email() }),
  handler({ email }, { logger }) {
    logger.info({ email }, 'a mail would go out here');
    return `welcomed ${email}`;
  },
});

/** The database is the one that `DATABASE_URL` names. Nothing connects before it is needed. */
export const millrace = createMillrace({ jobs: [sendWelcome] });

/** Safe from many processes at once, and again at each start. */
export async function prepare(): Promise<void> {
  await millrace.migrate();
  await millrace.transaction((tx) =>
    tx.query('CREATE TABLE IF NOT EXISTS users (email text NOT NULL)'),
  );
}

/** The job exists if, and only if, the user does: an address that the job refuses leaves no user either. */
export function signUp(email: unknown): Promise<string> {
  return millrace.transaction(async (tx) => {
    await tx.query('INSERT INTO users (email) VALUES ($1)', [String(email)]);
    const { id } = await millrace.enqueue(sendWelcome, { email: String(email) }, { tx });
    return id;
  });
}

/** What a client is told of its job, or null. */
export async function jobStatus(id: string) {
  const job = await millrace.get(id);
  return job && { id: job.id, state: job.state, attempt: job.attempt };
}

/** The answer to an error: what the client can mend is told, anything else is none of its business. */
export function errorResponse(error: unknown): { status: number; body: { error: string } } {
  if (isMillraceError(error) && error.code === 'MILLRACE_PAYLOAD_INVALID')
    return { status: 400, body: { error: error.message } };
  if (error instanceof SyntaxError)
    return { status: 400, body: { error: 'The body is not JSON.' } };
  console.error(error);
  return { status: 500, body: { error: 'Something went wrong here.' } };
}
