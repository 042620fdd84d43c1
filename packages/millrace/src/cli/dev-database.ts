import type * as devDb from '@millrace/dev-db';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MillraceError } from '../core/errors.ts';
import { announceConnection, devDirectory } from './connection-file.ts';
import { shortPath } from './output.ts';

/** The database of one `millrace dev`. */
interface DevelopmentDatabase {
  /** Where it is, for people. */
  readonly place: string;
  stop(): Promise<void>;
}

/**
 * The database that DATABASE_URL names, or one started here; sets DATABASE_URL then.
 * @throws MILLRACE_DEV_DB_MISSING, and the errors of `@millrace/dev-db`
 */
export async function openDevelopmentDatabase(): Promise<DevelopmentDatabase> {
  if ((process.env['DATABASE_URL'] ?? '') !== '') {
    return { place: 'as DATABASE_URL says', stop: () => Promise.resolve() };
  }
  const { startDevDatabase } = await importDevDb();
  const database = await startDevDatabase({ dataDir: resolve(devDirectory, 'postgres') });
  process.env['DATABASE_URL'] = database.url;
  const { url, socketDir, port, attached, dataDir } = database;
  const address = port === undefined ? { path: join(socketDir, '.s.PGSQL.5432') } : { port };
  // The process that started the server has announced it, and removes the file together with the server.
  const retract = attached ? () => {} : announceConnection({ url, address });
  return {
    place: `${url} (${attached ? 'started by another process' : 'started here'}, data in ${shortPath(dataDir)})`,
    async stop() {
      retract();
      await database.stop();
    },
  };
}

/** The project's own copy, or the one beside this package. */
async function importDevDb(): Promise<typeof devDb> {
  const name = '@millrace/dev-db';
  try {
    return (await import(projectPath(name) ?? name)) as typeof devDb;
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    throw new MillraceError(
      'MILLRACE_DEV_DB_MISSING',
      `DATABASE_URL is not set, and ${name} is not installed`,
      { cause },
    );
  }
}

function projectPath(name: string): string | undefined {
  try {
    return pathToFileURL(createRequire(resolve('package.json')).resolve(name)).href;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND';
}
