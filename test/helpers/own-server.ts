import type { DevDatabaseOptions } from '@millrace/dev-db';

/** A server that a test may kill: it forgets no commit that it has confirmed, and yet need not survive a power cut. */
export const durable: DevDatabaseOptions = {
  ephemeral: true,
  fast: true,
  settings: { synchronous_commit: 'on', full_page_writes: 'on' },
};
