import type { AnyJobDefinition } from 'millrace';
import { composeMillrace } from '../../packages/millrace/src/runtime.ts';
import { createTestDatabase, type TestDatabaseOptions } from '../helpers/database.ts';
import { startFlakyProxy } from '../helpers/flaky-proxy.ts';
import { shrunk } from '../helpers/millrace.ts';
import { recordEvents } from '../helpers/recorded.ts';
import { libraries, type Opened } from './libraries.ts';

/** A library on a database that ends with the test. It goes through a proxy, for some take no socket in the file system. */
export async function openLibrary(name: string, options?: TestDatabaseOptions) {
  const database = await createTestDatabase(options);
  const proxy = await startFlakyProxy(database.url);
  const open = libraries[name];
  if (open === undefined) throw new Error(`there is no library ${name}`);
  const library = await open(proxy.url);
  return {
    database,
    proxy,
    library,
    async [Symbol.asyncDispose]() {
      await library.close();
      await proxy[Symbol.asyncDispose]();
      await database.drop();
    },
  };
}

/** An application in one database with Millrace. Its table `account (id, balance)` holds the account 1 with the balance 0. */
export async function startApp(
  name: string,
  jobsOf: (library: Opened) => readonly AnyJobDefinition[] = () => [],
) {
  const opened = await openLibrary(name);
  const { database, library } = opened;
  await database.query(
    'CREATE TABLE public.account (id int PRIMARY KEY, balance int NOT NULL DEFAULT 0)',
  );
  await database.query('INSERT INTO public.account VALUES (1, 0)');
  const millrace = composeMillrace(
    { connection: database.url, jobs: jobsOf(library), logger: false },
    shrunk,
  );
  return {
    ...opened,
    millrace,
    events: recordEvents(millrace),
    balance: async () => {
      const [row] = await database.query<{ balance: number }>(
        'SELECT balance FROM public.account WHERE id = 1',
      );
      return row?.balance;
    },
    countOf: async (kind: string) => (await millrace.list({ kind })).jobs.length,
    async [Symbol.asyncDispose]() {
      await millrace.close();
      await opened[Symbol.asyncDispose]();
    },
  };
}
