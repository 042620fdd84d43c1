import 'reflect-metadata';
import { EntitySchema, MikroORM, type SqlEntityManager } from '@mikro-orm/postgresql';
import { PrismaPg } from '@prisma/adapter-pg';
import { eq, sql as template } from 'drizzle-orm';
import { drizzle as drizzleOnPg, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import { drizzle as drizzleOnPostgresJs, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import createKnex, { type Knex } from 'knex';
import {
  CamelCasePlugin,
  Kysely,
  PostgresDialect,
  sql as rawOfKysely,
  type Transaction as KyselyTransaction,
} from 'kysely';
import type { TransactionHandle, TransactionSource, TransactionSourceOptions } from 'millrace';
import { drizzle } from 'millrace/drizzle';
import { knex } from 'millrace/knex';
import { kysely } from 'millrace/kysely';
import { mikroOrm } from 'millrace/mikro-orm';
import { postgresJs } from 'millrace/postgres-js';
import { prisma } from 'millrace/prisma';
import { sequelize } from 'millrace/sequelize';
import { typeorm } from 'millrace/typeorm';
import pg from 'pg';
import postgres from 'postgres';
import { Sequelize, type Transaction as SequelizeTransaction } from 'sequelize';
import { DataSource, type EntityManager } from 'typeorm';
import { PrismaClient, type Prisma } from './gen/client.ts';

/** A library on one database with the table `account (id, balance)`, in its own words where it has some. */
export interface Opened<Tx = TransactionHandle> {
  /** The transaction that a user opens. */
  transaction(body: (tx: Tx) => Promise<void>): Promise<unknown>;
  /** The transaction that a handler gets. */
  source(options?: TransactionSourceOptions): TransactionSource<Tx>;
  /** Adds one to the balance of the account 1. */
  deposit(tx: Tx): Promise<unknown>;
  run(tx: Tx, sql: string): Promise<unknown>;
  /** How it writes COMMIT. */
  readonly commit: 'commit' | 'COMMIT';
  /** What users might take for a transaction, and the code that tells them. */
  readonly mistaken: readonly (readonly [handle: unknown, code: string])[];
  close(): Promise<unknown>;
}

const invalid = 'MILLRACE_TX_INVALID';
const notOpen = 'MILLRACE_TX_NOT_OPEN';
const depositSql = 'UPDATE account SET balance = balance + 1 WHERE id = 1';
const account = pgTable('account', { id: integer().primaryKey(), balance: integer().notNull() });
const oneMore = { balance: template`${account.balance} + 1` };

/** A test ends with its database, and pools must bear that. */
function poolOn(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

async function openPostgresJs(url: string): Promise<Opened<postgres.TransactionSql>> {
  const sql = postgres(url, { max: 4 });
  return {
    transaction: (body) => sql.begin(body),
    source: (options) => postgresJs(sql, options),
    deposit: (tx) => tx`UPDATE account SET balance = balance + 1 WHERE id = 1`,
    run: (tx, text) => tx.unsafe(text),
    commit: 'commit',
    mistaken: [[sql, invalid]],
    close: () => sql.end({ timeout: 1 }),
  };
}

type PgTx = Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0];
type PostgresJsTx = Parameters<Parameters<PostgresJsDatabase['transaction']>[0]>[0];

async function openDrizzleOnPg(url: string): Promise<Opened<PgTx>> {
  const client = poolOn(url);
  const db = drizzleOnPg({ client });
  return {
    transaction: (body) => db.transaction(body),
    source: (options) => drizzle(db, options),
    deposit: (tx) => tx.update(account).set(oneMore).where(eq(account.id, 1)),
    run: (tx, text) => tx.execute(text),
    commit: 'commit',
    mistaken: [
      [db, invalid],
      [client, invalid],
    ],
    close: () => client.end(),
  };
}

async function openDrizzleOnPostgresJs(url: string): Promise<Opened<PostgresJsTx>> {
  const client = postgres(url, { max: 4 });
  const db = drizzleOnPostgresJs({ client });
  return {
    transaction: (body) => db.transaction(body),
    source: (options) => drizzle(db, options),
    deposit: (tx) => tx.update(account).set(oneMore).where(eq(account.id, 1)),
    run: (tx, text) => tx.execute(text),
    commit: 'commit',
    mistaken: [[db, invalid]],
    close: () => client.end({ timeout: 1 }),
  };
}

interface Schema {
  account: { id: number; balance: number };
}

async function openKysely(url: string): Promise<Opened<KyselyTransaction<Schema>>> {
  // Plugins see the answers to our statements, too.
  const db = new Kysely<Schema>({
    dialect: new PostgresDialect({ pool: poolOn(url) }),
    plugins: [new CamelCasePlugin()],
  });
  return {
    transaction: (body) => db.transaction().execute(body),
    source: (options) => kysely(db, options),
    deposit: (tx) =>
      tx
        .updateTable('account')
        .set((eb) => ({ balance: eb('balance', '+', 1) }))
        .where('id', '=', 1)
        .execute(),
    run: (tx, text) => rawOfKysely.raw(text).execute(tx),
    commit: 'commit',
    mistaken: [[db, invalid]],
    close: () => db.destroy(),
  };
}

async function openKnex(url: string): Promise<Opened<Knex.Transaction>> {
  const db = createKnex({ client: 'pg', connection: url, pool: { min: 0, max: 4 } });
  return {
    transaction: (body) => db.transaction(body),
    source: (options) => knex(db, options),
    deposit: (tx) => tx('account').where({ id: 1 }).increment('balance', 1),
    run: async (tx, text) => tx.raw(text),
    commit: 'COMMIT',
    mistaken: [[db, invalid]],
    close: () => db.destroy(),
  };
}

async function openPrisma(url: string): Promise<Opened<Prisma.TransactionClient>> {
  const client = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 4 }) });
  return {
    transaction: (body) => client.$transaction(body),
    source: (options) => prisma(client, options),
    deposit: (tx) => tx.account.update({ where: { id: 1 }, data: { balance: { increment: 1 } } }),
    run: (tx, text) => tx.$executeRawUnsafe(text),
    commit: 'COMMIT',
    mistaken: [[client, invalid]],
    close: () => client.$disconnect(),
  };
}

async function openTypeOrm(url: string): Promise<Opened<EntityManager>> {
  const dataSource = new DataSource({ type: 'postgres', url, entities: [], poolSize: 4 });
  await dataSource.initialize();
  return {
    transaction: (body) => dataSource.transaction(body),
    source: (options) => typeorm(dataSource, options),
    deposit: (tx) => tx.query(depositSql),
    run: (tx, text) => tx.query(text),
    commit: 'COMMIT',
    mistaken: [
      [dataSource, invalid],
      [dataSource.manager, notOpen],
      [dataSource.createQueryRunner(), notOpen],
    ],
    close: () => dataSource.destroy(),
  };
}

interface Account {
  id: number;
  balance: number;
}

const AccountSchema = new EntitySchema<Account>({
  name: 'Account',
  tableName: 'account',
  properties: { id: { type: 'number', primary: true }, balance: { type: 'number' } },
});

async function openMikroOrm(url: string): Promise<Opened<SqlEntityManager>> {
  const orm = await MikroORM.init({ clientUrl: url, entities: [AccountSchema], pool: { max: 4 } });
  return {
    transaction: (body) => orm.em.fork().transactional(body),
    source: (options) => mikroOrm(orm, options),
    // Written by the flush before the commit, after everything else.
    async deposit(tx) {
      const found = await tx.findOneOrFail(AccountSchema, 1);
      found.balance += 1;
    },
    run: (tx, text) => tx.execute(text),
    commit: 'commit',
    mistaken: [[orm.em.fork(), notOpen]],
    // Not awaited: it never gives back a connection that was lost in a commit, and waits for it.
    async close() {
      orm.close(true).catch(() => {});
    },
  };
}

async function openSequelize(url: string): Promise<Opened<SequelizeTransaction>> {
  const db = new Sequelize(url, { logging: false, pool: { max: 4 } });
  return {
    transaction: (body) => db.transaction(body),
    source: (options) => sequelize(db, options),
    deposit: (transaction) => db.query(depositSql, { transaction }),
    run: (transaction, text) => db.query(text, { transaction }),
    commit: 'COMMIT',
    mistaken: [[db, invalid]],
    close: () => db.close(),
  };
}

/** Each takes its own transactions only; to the tests they are all the same. */
export const libraries = {
  'postgres.js': openPostgresJs,
  'Drizzle on pg': openDrizzleOnPg,
  'Drizzle on postgres.js': openDrizzleOnPostgresJs,
  Kysely: openKysely,
  Knex: openKnex,
  Prisma: openPrisma,
  TypeORM: openTypeOrm,
  MikroORM: openMikroOrm,
  Sequelize: openSequelize,
} as unknown as Readonly<Record<string, (url: string) => Promise<Opened>>>;
