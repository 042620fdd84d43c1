import type * as devDb from '@millrace/dev-db';
import { MillraceError } from '../core/errors.ts';

/** The connections of all processes of a test run, each with some databases at a time. */
const settings = { max_connections: '300' };

/**
 * A PostgreSQL of this process, which goes with it.
 * @throws MILLRACE_DEV_DB_MISSING, and the errors of `@millrace/dev-db`
 */
export async function startDevServer(): Promise<{
  readonly url: string;
  readonly stop: () => Promise<void>;
}> {
  const { startDevDatabase } = await importDevDb();
  const server = await startDevDatabase({ ephemeral: true, fast: true, settings });
  return { url: server.url, stop: () => server.stop('immediate') };
}

async function importDevDb(): Promise<typeof devDb> {
  try {
    return await import('@millrace/dev-db');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw cause;
    throw new MillraceError(
      'MILLRACE_DEV_DB_MISSING',
      'MILLRACE_TEST_SERVER is not set, and @millrace/dev-db is not installed',
      { cause },
    );
  }
}
