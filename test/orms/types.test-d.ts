import type { MikroORM, SqlEntityManager } from '@mikro-orm/postgresql';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type { Knex } from 'knex';
import type { ControlledTransaction, Kysely, Transaction as KyselyTransaction } from 'kysely';
import { createMillrace, defineJob, type TransactionSource } from 'millrace';
import { drizzle } from 'millrace/drizzle';
import { knex } from 'millrace/knex';
import { kysely } from 'millrace/kysely';
import { mikroOrm } from 'millrace/mikro-orm';
import { postgresJs } from 'millrace/postgres-js';
import { prisma } from 'millrace/prisma';
import { sequelize } from 'millrace/sequelize';
import { typeorm } from 'millrace/typeorm';
import type pg from 'pg';
import type postgres from 'postgres';
import type { Sequelize, Transaction as SequelizeTransaction } from 'sequelize';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { describe, expectTypeOf, it } from 'vitest';
import type { Prisma, PrismaClient } from './gen/client.ts';

interface Schema {
  account: { id: number; balance: number };
}

interface Databases {
  readonly drizzleOnPg: NodePgDatabase;
  readonly drizzleOnPostgresJs: PostgresJsDatabase;
  readonly kysely: Kysely<Schema>;
  readonly knex: Knex;
  readonly prisma: PrismaClient;
  readonly typeOrm: DataSource;
  readonly mikroOrm: MikroORM;
  readonly sequelize: Sequelize;
  readonly sql: postgres.Sql;
  readonly pool: pg.Pool;
}

declare const databases: Databases;
const millrace = createMillrace();
const next = defineJob({ kind: 'next' });

type TxOf<Source> = Source extends TransactionSource<infer Tx> ? Tx : never;
type PgTx = Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0];
type PostgresJsTx = Parameters<Parameters<PostgresJsDatabase['transaction']>[0]>[0];

describe("W21: a source gives the library's own type of transaction", () => {
  it('Drizzle', () => {
    const source = drizzle(databases.drizzleOnPg, { isolation: 'serializable' });
    expectTypeOf<TxOf<typeof source>>().toEqualTypeOf<PgTx>();
    const other = drizzle(databases.drizzleOnPostgresJs);
    expectTypeOf<TxOf<typeof other>>().toEqualTypeOf<PostgresJsTx>();
    // @ts-expect-error there is no such isolation
    drizzle(databases.drizzleOnPg, { isolation: 'snapshot' });
  });

  it('postgres.js, Kysely and Knex', () => {
    const sql = postgresJs(databases.sql);
    expectTypeOf<TxOf<typeof sql>>().toEqualTypeOf<postgres.TransactionSql>();
    const kyselySource = kysely(databases.kysely);
    expectTypeOf<TxOf<typeof kyselySource>>().toEqualTypeOf<KyselyTransaction<Schema>>();
    const knexSource = knex(databases.knex);
    expectTypeOf<TxOf<typeof knexSource>>().toEqualTypeOf<Knex.Transaction>();
  });

  it('Prisma, TypeORM, MikroORM and Sequelize', () => {
    const client = prisma(databases.prisma);
    expectTypeOf<TxOf<typeof client>>().toEqualTypeOf<Prisma.TransactionClient>();
    const manager = typeorm(databases.typeOrm);
    expectTypeOf<TxOf<typeof manager>>().toEqualTypeOf<EntityManager>();
    const em = mikroOrm(databases.mikroOrm);
    expectTypeOf<TxOf<typeof em>>().toExtend<SqlEntityManager>();
    expectTypeOf<TxOf<typeof em>>().not.toBeAny();
    const transaction = sequelize(databases.sequelize);
    expectTypeOf<TxOf<typeof transaction>>().toEqualTypeOf<SequelizeTransaction>();
  });

  it('refuses what opens no transaction', () => {
    // @ts-expect-error a pool of pg is given by `transaction: true`
    drizzle(databases.pool);
    // @ts-expect-error that is another library
    prisma(databases.kysely);
  });

  it('which the handler gets, and which enqueue takes', () => {
    defineJob({
      kind: 'a',
      transaction: prisma(databases.prisma),
      async handler(_, { tx, enqueue }) {
        expectTypeOf(tx).toEqualTypeOf<Prisma.TransactionClient>();
        expectTypeOf(await tx.account.findMany()).toEqualTypeOf<
          { id: number; balance: number }[]
        >();
        await enqueue(next);
        await millrace.enqueueMany([next.with()], { tx });
      },
    });
  });
});

describe('W21: tx', () => {
  it('takes the transactions of all libraries', () => {
    const { drizzleOnPg, drizzleOnPostgresJs, sql } = databases;
    void drizzleOnPg.transaction(async (tx) => void millrace.enqueue(next, {}, { tx }));
    void drizzleOnPostgresJs.transaction(async (tx) => void millrace.enqueue(next, {}, { tx }));
    void sql.begin(async (tx) => void millrace.enqueue(next, {}, { tx }));
    const takes = (
      tx:
        | pg.PoolClient
        | pg.Client
        | KyselyTransaction<Schema>
        | ControlledTransaction<Schema>
        | Knex.Transaction
        | Prisma.TransactionClient
        | EntityManager
        | QueryRunner
        | SqlEntityManager
        | SequelizeTransaction,
    ) => millrace.cancel('1', { tx });
    void takes;
  });

  it('refuses their databases', () => {
    // @ts-expect-error a pool
    void millrace.enqueue(next, {}, { tx: databases.pool });
    // @ts-expect-error a database of Drizzle
    void millrace.enqueue(next, {}, { tx: databases.drizzleOnPg });
    // @ts-expect-error another
    void millrace.enqueue(next, {}, { tx: databases.drizzleOnPostgresJs });
    // @ts-expect-error a database of Kysely
    void millrace.enqueue(next, {}, { tx: databases.kysely });
    // @ts-expect-error a knex
    void millrace.enqueue(next, {}, { tx: databases.knex });
    // @ts-expect-error a client of Prisma
    void millrace.enqueue(next, {}, { tx: databases.prisma });
    // @ts-expect-error a data source
    void millrace.enqueue(next, {}, { tx: databases.typeOrm });
    // @ts-expect-error an instance of MikroORM
    void millrace.enqueue(next, {}, { tx: databases.mikroOrm });
    // @ts-expect-error a Sequelize
    void millrace.enqueue(next, {}, { tx: databases.sequelize });
    // @ts-expect-error an sql of postgres.js
    void millrace.enqueue(next, {}, { tx: databases.sql });
  });
});
