import type { TestProject } from 'vitest/node';
// By path: this file alone is loaded without the condition that leads the names of our packages to their sources.
import { startDevDatabase } from '../../packages/dev-db/src/index.ts';
import { prepareTemplate } from './template.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Connects as superuser to the database `postgres` of the server that all tests of this run share. */
    adminUrl: string;
  }
}

/** One server for the whole run; MILLRACE_TEST_BIN_DIR chooses another release of PostgreSQL. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const binDir = process.env['MILLRACE_TEST_BIN_DIR'];
  const database = await startDevDatabase({
    ephemeral: true,
    fast: true,
    settings: { max_connections: '200' },
    ...(binDir === undefined ? {} : { binDir }),
  });
  await prepareTemplate(database.url);
  project.provide('adminUrl', database.url);
  return () => database.stop('immediate');
}
