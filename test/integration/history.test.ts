import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { createTestDatabase } from '../helpers/database.ts';
import { asPooler, startRewritingProxy } from '../helpers/rewriting-proxy.ts';
import { claim, completed, identity, newJob, openStorage } from '../helpers/storage.ts';

const me = 1_000;

describe('the history', () => {
  it.each([
    ['', (message: Buffer) => message],
    [', also where a pooler is on the way', asPooler],
  ])(
    'A4: partitions come and go beside a reader that stays open, and no settle waits for it%s',
    async (_, rewrite) => {
      await using database = await createTestDatabase();
      await using way = await startRewritingProxy(database.url, rewrite);
      const storage = openStorage(database.url);
      const session = storage.session();
      await session.register(identity(me));
      const reader = new pg.Client({ connectionString: database.url });
      await reader.connect();
      await reader.query('BEGIN');
      await reader.query('SELECT count(*) FROM millrace.job_history');
      let longestMs = 0;
      let going = true;
      const load = (async () => {
        for (let count = 1; going; count++) {
          await storage.enqueue([newJob(), newJob()]);
          const jobs = await claim(session, me, count);
          const startedMs = performance.now();
          await session.settle(jobs.map(({ id, lease }) => ({ id, lease, settlement: completed })));
          longestMs = Math.max(longestMs, performance.now() - startedMs);
        }
      })();
      const maintenance = openStorage(way.url);
      for (let round = 0; round < 3; round++) {
        await database.query(
          `CREATE TABLE millrace.job_history_completed_20200101 (LIKE millrace.job_history_completed INCLUDING ALL)`,
        );
        await database.query(`ALTER TABLE millrace.job_history_completed ATTACH PARTITION millrace.job_history_completed_20200101
        FOR VALUES FROM ('2020-01-01 00:00:00+00') TO ('2020-01-02 00:00:00+00')`);
        const dropped = await maintenance
          .session()
          .dropPartitions({ completedMs: 86_400_000, failedMs: 86_400_000 });
        expect(dropped).toEqual([]);
        await database.query('DROP TABLE IF EXISTS millrace.job_attempt_20990101');
        await maintenance.session().createPartitions();
        if (round < 2) {
          await reader.query('COMMIT');
          const done = await maintenance
            .session()
            .dropPartitions({ completedMs: 86_400_000, failedMs: 86_400_000 });
          expect(done).toEqual(['job_history_completed_20200101']);
          await reader.query('BEGIN');
          await reader.query('SELECT count(*) FROM millrace.job_history');
        }
      }
      going = false;
      await load;
      await reader.end();
      await maintenance.close();
      await storage.close();
      console.info(`longest settle beside partition changes: ${longestMs.toFixed(1)} ms`);
      expect(longestMs).toBeLessThan(300);
    },
  );
});
