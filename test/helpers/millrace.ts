import { composeMillrace } from '../../packages/millrace/src/runtime.ts';
import type { Tuning } from '../../packages/millrace/src/core/tuning.ts';
import type { Millrace, MillraceOptions } from '../../packages/millrace/src/core/millrace.ts';
import { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from './database.ts';

/** The times of liveness, shrunk a hundred times so that tests need not wait. */
export const shrunk = {
  heartbeatMs: 30,
  lookMs: 25,
  restMs: 50,
  doubtMs: 100,
  freeForMs: 50,
  graceMs: 500,
  silentForMs: 300,
  longestGapMs: 2_000,
  backstopMs: 30_000,
  pollMs: 100,
  patienceMs: 100,
  blockedForMs: 1_000,
};

/** A Millrace on a migrated database of its own; both end with it. */
export interface TestMillrace extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly millrace: Millrace;
}

export async function createTestMillrace(
  options: MillraceOptions & {
    readonly database?: TestDatabaseOptions;
    readonly tuning?: Partial<Tuning>;
  } = {},
): Promise<TestMillrace> {
  const { database: databaseOptions, tuning, ...rest } = options;
  const database = await createTestDatabase(databaseOptions);
  const millrace = composeMillrace(
    { connection: database.url, logger: false, ...rest },
    { ...shrunk, ...tuning },
  );
  return {
    database,
    millrace,
    async [Symbol.asyncDispose]() {
      await millrace.close();
      await database.drop();
    },
  };
}
