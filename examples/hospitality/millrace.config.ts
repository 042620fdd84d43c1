import { createMillrace } from 'millrace';
import { jobs } from './src/jobs/index.ts';
import { mailer } from './src/mail/mailer.ts';

/** What the commands of `millrace` work with, `millrace start` first of all. The database is `DATABASE_URL`. */
const millrace = createMillrace({ jobs });

// Open conversations with the mail server would keep a stopped worker's process alive.
millrace.subscribe(({ name }) => {
  if (name === 'worker:stopped') mailer.close();
});

export default millrace;
