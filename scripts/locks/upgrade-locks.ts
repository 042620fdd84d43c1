import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { startDevDatabase } from '@millrace/dev-db';
import { createMillrace } from 'millrace';
import { installOldRelease } from './old-release.ts';

const oldest = 'millrace-0.1.0.tgz';

/** What an upgrade under load came to. */
export interface UpgradeLocks {
  readonly migrations: readonly string[];
  /** The longest that an enqueue, a claim or a settlement took while they ran: no lock was waited for longer. */
  readonly longestMs: number;
  readonly statements: number;
}

/**
 * Fills a database of the oldest release with so many waiting jobs and as many finished ones, and migrates it to this
 * release while that one goes on enqueueing and running other jobs.
 */
export async function measureUpgradeLocks(rows: number): Promise<UpgradeLocks> {
  await using server = await startDevDatabase({ ephemeral: true, fast: true });
  using release = installOldRelease(oldest);
  const old = (await import(pathToFileURL(release.main).href)) as typeof import('millrace');
  const job = old.defineJob({ kind: 'load', async handler() {} });
  await using before = old.createMillrace({ connection: server.url, jobs: [job], logger: false });
  await using after = createMillrace({ connection: server.url, logger: false });
  await before.migrate();
  await fill(server.url, rows);

  const times: number[] = [];
  before.subscribe((event) => {
    if (event.name === 'claim:taken' || event.name === 'settle:written')
      times.push(event.data.durationMs);
  });
  const worker = before.createWorker();
  await worker.start();
  const enqueue = async () => {
    const startedMs = performance.now();
    await before.enqueue(job, undefined as never);
    times.push(performance.now() - startedMs);
  };
  await enqueue();
  const over = new AbortController();
  const migrating = after.migrate().finally(() => over.abort());
  while (!over.signal.aborted) await enqueue();
  await enqueue();
  const migrations = await migrating;
  await worker.stop();
  return { migrations, longestMs: Math.max(...times), statements: times.length };
}

async function fill(url: string, rows: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('SELECT millrace.create_partitions()');
  await client.query(
    `INSERT INTO millrace.job (run_at, scheduled_at, created_at, priority, max_attempts, queue, kind, payload)
     SELECT now() + interval '1 day', now(), now(), 0, 3, 'filled', 'filled', '{}' FROM generate_series(1, $1::int)`,
    [rows],
  );
  await client.query(
    `INSERT INTO millrace.job_history (id, finished_at, scheduled_at, created_at, lease, priority, max_attempts, attempt,
                                       crashes, state, queue, kind, payload_version, payload)
     SELECT nextval('millrace.job_id_seq'), now(), now(), now(), 1, 0, 3, 1, 0, 2, 'filled', 'filled', 1, '{}'
       FROM generate_series(1, $1::int)`,
    [rows],
  );
  await client.end();
}
