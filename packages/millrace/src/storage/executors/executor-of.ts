import type { Executor } from '../../core/transaction.ts';
import { drizzleExecutor } from './drizzle.ts';
import { knexExecutor } from './knex.ts';
import { kyselyExecutor } from './kysely.ts';
import { mikroOrmExecutor } from './mikro-orm.ts';
import { pgExecutor } from './pg.ts';
import { postgresJsExecutor } from './postgres-js.ts';
import { prismaExecutor } from './prisma.ts';
import { sequelizeExecutor } from './sequelize.ts';
import { invalid, type ExecutorOf } from './shape.ts';
import { typeOrmExecutor } from './typeorm.ts';

/** Those that have `query` come last, and `pg`, which has little else, is the very last of them. */
const kinds: readonly ExecutorOf[] = [
  prismaExecutor,
  postgresJsExecutor,
  knexExecutor,
  kyselyExecutor,
  mikroOrmExecutor,
  drizzleExecutor,
  sequelizeExecutor,
  typeOrmExecutor,
  pgExecutor,
];

/**
 * Brings a user's handle to the common shape.
 * @throws MILLRACE_TX_INVALID, MILLRACE_TX_NOT_OPEN
 */
export function executorOf(handle: unknown): Executor {
  for (const kind of kinds) {
    const executor = kind(handle);
    if (executor !== undefined) return executor;
  }
  throw invalid('no transaction of a library that Millrace knows');
}
