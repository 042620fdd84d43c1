import { createHash } from 'node:crypto';
import type pg from 'pg';
import { MillraceError } from '../../core/errors.ts';
import type { PendingMigration } from '../../core/storage.ts';
import { namesOf, quoteText, type Names } from '../names.ts';
import { migrations, type Migration } from './index.ts';

/** An applied migration, as the database remembers it. */
interface Applied {
  readonly id: number;
  readonly name: string;
  readonly checksum: string;
  readonly oldest_beside: number;
}

/** The checksum is that of the text for a fixed schema, so that installations can be compared. */
function checksumOf(migration: Migration): string {
  return createHash('sha256')
    .update(migration.sql(namesOf('millrace')))
    .digest('hex');
}

/**
 * Applies what is missing, each migration in a transaction of its own, one process at a time.
 * @returns the names of the migrations that this call applied
 */
export async function migrate(client: pg.ClientBase, names: Names): Promise<readonly string[]> {
  const applied: string[] = [];
  for (;;) {
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE');
    try {
      const next = await prepareNext(client, names);
      if (next === undefined) {
        await client.query('COMMIT');
        return applied;
      }
      await client.query(next.sql);
      await client.query('COMMIT');
      applied.push(next.name);
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {});
      throw error;
    }
  }
}

async function prepareNext(
  client: pg.ClientBase,
  names: Names,
): Promise<PendingMigration | undefined> {
  await client.query(`SET LOCAL search_path = ''; SET LOCAL client_min_messages = warning`);
  await client.query(
    'SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1, 0))',
    [`millrace migrate ${names.plainSchema}`],
  );
  const known = await readApplied(client, names);
  return pendingAfter(known ?? [], names, known !== null)[0];
}

/** What `migrate` would run, as text; without running it. */
export async function pending(
  client: pg.ClientBase,
  names: Names,
): Promise<readonly PendingMigration[]> {
  const known = await readApplied(client, names);
  return pendingAfter(known ?? [], names, known !== null);
}

/**
 * Judges whether this release can work with the schema.
 * @throws MILLRACE_SCHEMA_MISSING, MILLRACE_SCHEMA_OUTDATED, MILLRACE_SCHEMA_TOO_NEW, MILLRACE_MIGRATION_CHANGED
 */
export async function verifySchema(client: pg.ClientBase, names: Names): Promise<void> {
  const known = await readApplied(client, names);
  if (known === null || known.length === 0) {
    throw new MillraceError(
      'MILLRACE_SCHEMA_MISSING',
      `the database has no Millrace schema '${names.plainSchema}'`,
    );
  }
  const [missing] = pendingAfter(known, names, true);
  if (missing !== undefined) {
    throw new MillraceError(
      'MILLRACE_SCHEMA_OUTDATED',
      `the schema lacks migration ${missing.name}`,
    );
  }
}

function pendingAfter(
  known: readonly Applied[],
  names: Names,
  tableExists: boolean,
): PendingMigration[] {
  const newest = migrations.at(-1)?.id ?? 0;
  for (const row of known) {
    const mine = migrations.find((migration) => migration.id === row.id);
    if (mine === undefined && row.oldest_beside > newest) {
      throw new MillraceError(
        'MILLRACE_SCHEMA_TOO_NEW',
        `migration ${row.name} does not work beside this release`,
      );
    }
    if (mine !== undefined && checksumOf(mine) !== row.checksum) {
      throw new MillraceError(
        'MILLRACE_MIGRATION_CHANGED',
        `migration ${row.name} in the database differs from this release's`,
      );
    }
  }
  const done = new Set(known.map((row) => row.id));
  return migrations
    .filter((migration) => !done.has(migration.id))
    .map((migration, index) => ({
      name: migration.name,
      sql: [
        ...(index === 0 && !tableExists ? [bookkeeping(names)] : []),
        migration.sql(names).trim(),
        remember(migration, names),
      ].join('\n\n'),
    }));
}

function bookkeeping({ schema: s }: Names): string {
  return `CREATE SCHEMA IF NOT EXISTS ${s};

CREATE TABLE ${s}.migration (
  id            int PRIMARY KEY,
  name          text NOT NULL,
  release       text NOT NULL,
  oldest_beside int NOT NULL,
  checksum      text NOT NULL,
  applied_at    timestamptz NOT NULL DEFAULT pg_catalog.now()
);`;
}

function remember(migration: Migration, { schema: s }: Names): string {
  const texts = [migration.name, migration.release, checksumOf(migration)].map(quoteText);
  return `INSERT INTO ${s}.migration (id, name, release, oldest_beside, checksum)
VALUES (${migration.id}, ${texts[0]}, ${texts[1]}, ${migration.oldestBeside}, ${texts[2]});`;
}

/** Null when the table does not exist. */
async function readApplied(
  client: pg.ClientBase,
  names: Names,
): Promise<readonly Applied[] | null> {
  const table = await client.query<{ found: boolean }>(
    'SELECT pg_catalog.to_regclass($1) IS NOT NULL AS found',
    [`${names.schema}.migration`],
  );
  if (table.rows[0]?.found !== true) return null;
  const { rows } = await client.query<Applied>(
    `SELECT id, name, checksum, oldest_beside FROM ${names.schema}.migration ORDER BY id`,
  );
  return rows;
}
