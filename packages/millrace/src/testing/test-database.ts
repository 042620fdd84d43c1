import { checkOptions } from '../core/options.ts';
import { Databases } from '../storage/databases.ts';
import { systemClock } from '../system-clock.ts';
import { testDatabaseChecks } from './options.ts';
import {
  newName,
  openTestServer,
  serverVariable,
  templateVariable,
  urlOf,
  type TestServerOptions,
} from './test-server.ts';

/** A database of its own for one test. */
export interface TestDatabase extends AsyncDisposable {
  /** The connection string. */
  readonly url: string;
  readonly name: string;
  /** Ends all connections to it and removes it; safe to call twice. Close pools of your own before. */
  drop(): Promise<void>;
}

/** Where databases are copied from, and the connections for that. */
interface Source {
  readonly url: string;
  readonly template: string;
  readonly databases: Databases;
}

type Key = readonly [server: string | undefined, schema: string | undefined, prepare: unknown];

/** One for each combination of options that this process has used. */
const sources: { readonly key: Key; readonly source: Promise<Source> }[] = [];

/**
 * Makes a real database for one test, with the tables of Millrace and those of `prepare`: a copy of one that is made once,
 * by `startTestServer` in the global setup of the run, or else by this process when it first asks.
 *
 * @example
 *   await using database = await createTestDatabase();
 *   await using millrace = createMillrace({ connection: database.url, jobs });
 *
 * @throws MILLRACE_DEV_DB_MISSING, MILLRACE_DB_…, MILLRACE_OPTION_…, and whatever `prepare` throws
 */
export async function createTestDatabase(options: TestServerOptions = {}): Promise<TestDatabase> {
  checkOptions(testDatabaseChecks, options, 'createTestDatabase');
  const { url, template, databases } = await sourceOf(options);
  const name = newName();
  await databases.copy(template, name);
  let dropped: Promise<void> | undefined;
  const drop = () => (dropped ??= databases.drop(name));
  return { url: urlOf(url, name), name, drop, [Symbol.asyncDispose]: drop };
}

function sourceOf(options: TestServerOptions): Promise<Source> {
  const { server, schema, prepare } = options;
  const key: Key = [server ?? process.env[serverVariable], schema, prepare];
  const known = sources.find((each) => each.key.every((part, index) => part === key[index]));
  if (known !== undefined) return known.source;
  const source = openSource(options);
  const entry = { key, source };
  sources.push(entry);
  // The next call may find what this one did not.
  source.catch(() => sources.splice(sources.indexOf(entry), 1));
  return source;
}

async function openSource(options: TestServerOptions): Promise<Source> {
  const isPlain = Object.values(options).every((value) => value === undefined);
  const url = process.env[serverVariable];
  const template = process.env[templateVariable];
  if (isPlain && url !== undefined && template !== undefined)
    return { url, template, databases: new Databases(url, systemClock) };
  const server = await openTestServer(options);
  return { ...server, databases: new Databases(server.url, systemClock) };
}
