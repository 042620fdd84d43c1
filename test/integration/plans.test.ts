import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientConfig } from '../../packages/millrace/src/storage/connection.ts';
import { namesOf } from '../../packages/millrace/src/storage/names.ts';
import { Route } from '../../packages/millrace/src/storage/route.ts';
import { claim, completeAndClaim } from '../../packages/millrace/src/storage/sql/claim.ts';
import * as liveness from '../../packages/millrace/src/storage/sql/liveness.ts';
import { reportProgress } from '../../packages/millrace/src/storage/sql/progress.ts';
import * as settling from '../../packages/millrace/src/storage/sql/settle.ts';
import type { StatementOf } from '../../packages/millrace/src/storage/sql/statement.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

/** What a worker asks for all the time, each with parameters of its kind. */
const route = `'{default,other}', '{10,10}', '{1,3}', '{2,4}', '{0,1,0,1}', '{0,0,0,0}', '{0,0,0,0}', 10, '{test}', 1, 1, true, '{1}'`;
const statements: readonly {
  readonly of: StatementOf;
  readonly values: string;
  readonly sorts?: boolean;
}[] = [
  { of: claim, values: route },
  {
    of: completeAndClaim,
    values: `${route}, '{1,2}', '{1,1}', '{true,true}', '{null,null}', 'me'`,
  },
  {
    of: settling.settle,
    values: `'{1}', '{1}', '{0}', '{true}', '{null}', '{null}', '{0}', '{false}', '{true}', '{failed}', '{null}', '{null}', 'me'`,
  },
  { of: settling.whereabouts, values: `'{1}', '{1}'` },
  { of: settling.holds, values: `'{1}', '{1}'` },
  { of: settling.transfer, values: `'{1}', '{1}', 2` },
  { of: reportProgress, values: `'{1}', '{1}', '{1}', '{null}'` },
  // Sorts its few answers.
  { of: liveness.unserved, values: '0', sorts: true },
];

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  const config = clientConfig(database.url);
  const found = () => {};
  ({ client } = await new Route(() => config, found).open());
  // Made while the table is empty and was never looked at, as in every new installation.
  for (const { of } of statements) {
    const { name, text } = of(namesOf('millrace'));
    await client.query(`PREPARE ${name} AS ${text}`);
  }
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

/** The steps of each statement's plan that read a whole table of jobs, or sort. */
async function faults(): Promise<string[]> {
  const found: string[] = [];
  for (const { of, values, sorts } of statements) {
    const { name } = of(namesOf('millrace'));
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN (COSTS off) EXECUTE ${name}(${values})`,
    );
    const steps = rows.map((row) => row['QUERY PLAN'].trim());
    const fault = sorts === true ? /Seq Scan on job|Bitmap/ : /Seq Scan on job|Bitmap|Sort$/;
    const bad = steps.filter((step) => fault.test(step));
    found.push(...bad.map((step) => `${name}: ${step}`));
  }
  return found;
}

describe('C4: G18: the statements of a worker read by index and sort nothing', () => {
  const fill = (count: number) =>
    database.query(
      `INSERT INTO millrace.job (run_at, scheduled_at, created_at, priority, max_attempts, queue, kind, payload)
       SELECT now() - n * interval '1 millisecond', now(), now(), n % 3, 5, 'default', 'test', '{}'
         FROM generate_series(1, $1::int) n`,
      [count],
    );
  it('on an empty table, on one that was filled since, on a fresh one, and with statistics of another time', async () => {
    expect(await faults()).toEqual([]);
    await fill(20_000);
    expect(await faults()).toEqual([]);
    await database.query('ANALYZE millrace.job');
    expect(await faults()).toEqual([]);
    await database.query('DELETE FROM millrace.job');
    expect(await faults()).toEqual([]);
    await database.query('VACUUM ANALYZE millrace.job');
    await fill(20_000);
    expect(await faults()).toEqual([]);
  });

  it('and compile nothing for it', async () => {
    const { rows } = await client.query<{ jit: string }>('SHOW jit');
    expect(rows).toEqual([{ jit: 'off' }]);
  });
});
