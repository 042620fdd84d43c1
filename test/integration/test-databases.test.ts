import { createMillrace } from 'millrace';
import { createTestDatabase } from 'millrace/testing';
import pg from 'pg';
import { describe, expect, inject, it } from 'vitest';

describe('createTestDatabase', () => {
  it('gives each test a database of its own, with the tables of Millrace and of `prepare`', async () => {
    const server = inject('adminUrl');
    let prepared = 0;
    const prepare = async (url: string) => {
      prepared += 1;
      const client = new pg.Client(url);
      await client.connect();
      await client.query('CREATE TABLE guest (name text)');
      await client.end();
    };
    const create = () => createTestDatabase({ server, prepare, schema: 'jobs' });
    const [one, two] = await Promise.all([create(), create()]);
    expect(prepared).toBe(1);
    const pools = [one, two].map(({ url }) => new pg.Pool({ connectionString: url }));
    await pools[0]?.query(`INSERT INTO guest VALUES ('ada')`);
    const counted = pools.map(async (pool) => (await pool.query('SELECT * FROM guest')).rowCount);
    expect(await Promise.all(counted)).toEqual([1, 0]);
    await Promise.all(pools.map((pool) => pool.end()));
    await using millrace = createMillrace({ connection: one.url, schema: 'jobs', logger: false });
    expect(await millrace.migrate()).toEqual([]);
    await millrace.close();
    await Promise.all([one.drop(), two.drop(), two.drop()]);
    const gone = new pg.Client(one.url);
    await expect(gone.connect()).rejects.toMatchObject({ code: '3D000' });
  });

  it('is fast', async () => {
    const server = inject('adminUrl');
    await (await createTestDatabase({ server })).drop();
    const times: number[] = [];
    for (let made = 0; made < 10; made++) {
      const startedMs = performance.now();
      const database = await createTestDatabase({ server });
      times.push(performance.now() - startedMs);
      await database.drop();
    }
    const median = times.toSorted((a, b) => a - b)[5] ?? 0;
    console.log(`a database in ${Math.round(median)} ms`);
    expect(median).toBeLessThan(1_500);
  });
});
