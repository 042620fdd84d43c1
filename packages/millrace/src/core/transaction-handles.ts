/**
 * Open transactions of other libraries, by their shape: no more of each than tells it from what is no transaction, and
 * than is called. The compiler refuses pools and databases; what only the running program can know is judged there.
 */
import type { Transaction } from './transaction.ts';

/** A client of `pg` on which BEGIN was run, or what `millrace.transaction` gives. */
export interface PgTransaction extends Transaction {
  /** A pool has one. */
  readonly totalCount?: never;
  /** So has a data source of TypeORM. */
  readonly createQueryRunner?: never;
}

/** What `sql.begin` of postgres.js gives. */
export interface PostgresJsTransaction {
  unsafe(text: string, values: (string | null)[]): PromiseLike<Iterable<unknown>>;
  savepoint(...args: never[]): unknown;
}

/** What `db.transaction` of Drizzle gives. */
export interface DrizzleTransaction {
  setTransaction(...args: never[]): unknown;
  rollback(): never;
}

/** What `db.transaction().execute` or `db.startTransaction().execute` of Kysely gives. */
export interface KyselyTransaction {
  readonly isTransaction: true;
  executeQuery(query: KyselyQuery): Promise<{ readonly rows: readonly unknown[] }>;
}

/** A compiled query of Kysely's. */
export interface KyselyQuery {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  readonly query: {
    readonly kind: 'RawNode';
    readonly sqlFragments: readonly string[];
    readonly parameters: readonly never[];
  };
  readonly queryId: { readonly queryId: string };
}

/** What `knex.transaction` gives. */
export interface KnexTransaction {
  isCompleted(): boolean;
  raw(text: string, values: (string | null)[]): PromiseLike<unknown>;
}

/** What `prisma.$transaction` gives to its callback. */
export interface PrismaTransaction {
  $queryRawUnsafe(text: string, ...values: unknown[]): PromiseLike<unknown>;
  /** A client has one. */
  readonly $connect?: never;
}

/** What `dataSource.transaction` of TypeORM gives. */
export interface TypeOrmManager {
  readonly queryRunner?: TypeOrmRunner | undefined;
  createQueryBuilder(...args: never[]): unknown;
  /** A data source has one. */
  readonly createQueryRunner?: never;
}

/** A query runner of TypeORM whose transaction was started. */
export interface TypeOrmRunner {
  readonly isTransactionActive: boolean;
  query(text: string, values?: unknown[]): Promise<unknown>;
  startTransaction(...args: never[]): unknown;
}

/** What `em.transactional` of MikroORM gives. */
export interface MikroOrmManager {
  isInTransaction(): boolean;
  getTransactionContext(): unknown;
}

/** What `sequelize.transaction` gives. */
export interface SequelizeTransaction {
  afterCommit(...args: never[]): unknown;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** An open transaction of one of the libraries that Millrace joins. */
export type TransactionHandle =
  | PgTransaction
  | PostgresJsTransaction
  | DrizzleTransaction
  | KyselyTransaction
  | KnexTransaction
  | PrismaTransaction
  | TypeOrmManager
  | TypeOrmRunner
  | MikroOrmManager
  | SequelizeTransaction;
