import { hostname } from 'node:os';
import { expect, it } from 'vitest';
import { defineJob, type MillraceEvent } from 'millrace';
import { composeMillrace } from '../../packages/millrace/src/runtime.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { calm } from '../helpers/fleet.ts';
import { openStorage } from '../helpers/storage.ts';
import { until } from '../helpers/until.ts';

it('G24: two workers with the same host and pid are two: the death of one leaves the jobs of the other alone', async () => {
  await using database = await createTestDatabase();
  const letGo = Promise.withResolvers<void>();
  const events: MillraceEvent[] = [];
  // Two programs with one queue each, which share a process and therefore everything but their identity.
  const programs = ['first', 'second'].map((queue) => {
    const runs: { id: string; signal: AbortSignal }[] = [];
    const job = defineJob({
      kind: 'job',
      queue,
      async handler(_, { id, signal }) {
        runs.push({ id, signal });
        await letGo.promise;
      },
    });
    const options = { connection: database.url, jobs: [job], logger: false } as const;
    // Neither a heartbeat nor a claim comes to tell the worker that it is dead, before its job is rescued.
    const millrace = composeMillrace(options, { ...calm, heartbeatMs: 3_600_000 });
    millrace.subscribe((event) => events.push(event));
    return { queue, runs, job, millrace, worker: millrace.createWorker({ concurrency: 1 }) };
  });
  for (const { millrace, job, worker, runs } of programs) {
    await worker.start();
    await millrace.enqueue(job);
    await until('it runs', () => runs.length === 1);
  }

  const rows = await database.query<{ no: number; queues: string[]; beat: string }>(
    'SELECT no, queues, host, pid, beat FROM millrace.worker',
  );
  expect(rows).toHaveLength(2);
  expect(new Set(rows.map(({ no }) => no)).size).toBe(2);
  for (const row of rows) expect(row).toMatchObject({ host: hostname(), pid: process.pid });

  const storage = openStorage(database.url);
  const victim = rows.find(({ queues }) => queues.includes('first'));
  expect(
    await storage
      .session()
      .declareDead(victim === undefined ? [] : [{ ...victim, crashed: false }]),
  ).toEqual([victim?.no]);
  await storage.session().rescue();
  await storage.close();
  const [first, second] = programs;
  // Or one of those who look was faster.
  await expect
    .poll(() => first?.millrace.get(first.runs[0]?.id ?? ''))
    .toMatchObject({ state: 'available', queue: 'first' });
  expect(await second?.millrace.get(second.runs[0]?.id ?? '')).toMatchObject({
    state: 'running',
    crashes: 0,
  });
  letGo.resolve();
  await until('the other one is completed', async () => {
    return (
      (await second?.millrace.list({ state: 'completed', queue: 'second' }))?.jobs.length === 1
    );
  });
  await Promise.all(programs.map(({ millrace }) => millrace.close()));
  expect(second?.runs).toHaveLength(1);
  expect(second?.runs[0]?.signal.aborted).toBe(false);
  const refused = events.flatMap(({ name, data }) => (name === 'settle:refused' ? [data.id] : []));
  expect(refused).toEqual([programs[0]?.runs[0]?.id]);
});
