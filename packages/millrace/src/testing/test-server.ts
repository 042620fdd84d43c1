import { randomBytes } from 'node:crypto';
import { checkOptions, defaults } from '../core/options.ts';
import { defaultTuning } from '../core/tuning.ts';
import { composeMillrace } from '../runtime.ts';
import { Databases } from '../storage/databases.ts';
import { systemClock, systemTime } from '../system-clock.ts';
import { startDevServer } from './dev-server.ts';
import { testDatabaseChecks } from './options.ts';

/** The variables by which a global setup tells the processes of a test run where the databases are made. */
export const serverVariable = 'MILLRACE_TEST_SERVER';
export const templateVariable = 'MILLRACE_TEST_TEMPLATE';

/** What test databases are made from. */
export interface TestServerOptions {
  /**
   * A connection string to any database of a server on which databases may be made and dropped. Default: the variable
   * `MILLRACE_TEST_SERVER`, or a server that `@millrace/dev-db` starts and that ends with this process.
   */
  readonly server?: string;
  /** The schema of Millrace's tables. Default `millrace`. */
  readonly schema?: string;
  /**
   * Makes the application's own tables and rows in the database that all others are copied from; it gets the connection
   * string. Close what you open there.
   */
  readonly prepare?: (url: string) => unknown;
}

/** A server with a database to copy. */
export interface TestServer extends AsyncDisposable {
  /** Leads to the server. */
  readonly url: string;
  /** The name of the database that the others are copied from. */
  readonly template: string;
  /** Drops that database, and ends the server if it was started here. */
  stop(): Promise<void>;
}

const prefix = 'millrace_test_';

/** What an interrupted run has left behind is dropped by a later one. */
const leftoverAfterMs = 24 * 3_600_000;

/** When a name was made is part of it. */
export function newName(): string {
  return `${prefix}${systemTime().getTime().toString(36)}_${randomBytes(6).toString('hex')}`;
}

/** The same server, another database. */
export function urlOf(server: string, database: string): string {
  return server.replace(/^([^:]+:\/\/[^/?]*)(?:\/[^?]*)?/, `$1/${encodeURIComponent(database)}`);
}

/**
 * For the global setup of a test run: starts a server, or uses yours, makes the database that test databases are copied
 * from, and tells every process that is started after it, through variables of the environment.
 * @throws MILLRACE_DEV_DB_MISSING, MILLRACE_DB_…, MILLRACE_OPTION_…, and whatever `prepare` throws
 */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { env } = process;
  const server = await openTestServer(options);
  const before = { server: env[serverVariable], template: env[templateVariable] };
  env[serverVariable] = server.url;
  env[templateVariable] = server.template;
  const restore = (name: string, value: string | undefined) => {
    if (value === undefined) delete env[name];
    else env[name] = value;
  };
  let stopped: Promise<void> | undefined;
  const stop = () => {
    restore(serverVariable, before.server);
    restore(templateVariable, before.template);
    return (stopped ??= server.stop());
  };
  return { url: server.url, template: server.template, stop, [Symbol.asyncDispose]: stop };
}

/** A server and a template on it, known to nobody else. */
export async function openTestServer(options: TestServerOptions): Promise<TestServer> {
  const { server, schema } = checkOptions(testDatabaseChecks, options, 'startTestServer');
  const given = server ?? process.env[serverVariable];
  const started = given === undefined || given === '' ? await startDevServer() : undefined;
  const url = started?.url ?? given ?? '';
  const databases = new Databases(url, systemClock);
  const template = newName();
  const stop = async () => {
    if (started === undefined) await databases.drop(template);
    await databases.close();
    await started?.stop();
  };
  try {
    if (started === undefined) await dropLeftovers(databases);
    await databases.create(template);
    await migrate(urlOf(url, template), schema ?? defaults.schema);
    await options.prepare?.(urlOf(url, template));
    await databases.seal(template);
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
  return { url, template, stop, [Symbol.asyncDispose]: stop };
}

async function migrate(connection: string, schema: string): Promise<void> {
  await using millrace = composeMillrace({ connection, schema, logger: false }, defaultTuning);
  await millrace.migrate();
}

async function dropLeftovers(databases: Databases): Promise<void> {
  const nowMs = systemTime().getTime();
  for (const name of await databases.namesLike(prefix)) {
    const madeMs = Number.parseInt(name.slice(prefix.length), 36);
    // Another run may be about to drop the same; either way it goes.
    if (madeMs < nowMs - leftoverAfterMs) await databases.drop(name).catch(() => {});
  }
}
