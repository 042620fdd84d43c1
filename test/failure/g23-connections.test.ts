import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { enqueueing, short, transactional } from '../fixtures/jobs.ts';
import { Fleet } from '../helpers/fleet.ts';

const name = 'counted';

async function connections(fleet: Fleet): Promise<number> {
  const [row] = await fleet.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = $1`,
    [name],
  );
  return row?.n ?? 0;
}

/** The most connections of the worker process that are seen while something is going on. */
async function mostDuring(fleet: Fleet, work: () => Promise<unknown>): Promise<number> {
  let most = 0;
  let isOver = false;
  const working = work().finally(() => {
    isOver = true;
  });
  while (!isOver) {
    most = Math.max(most, await connections(fleet));
    await sleep(2);
  }
  await working;
  return most;
}

/** The work session, the listener and the pool; one more while jobs of the dead are looked for, or the house is kept. */
const most = 4;

it('G23: a worker process opens 3 connections, now and then a fourth, plus one for each running transactional handler', async () => {
  await using fleet = await Fleet.create();
  const concurrency = 6;
  const url = `${fleet.url}&application_name=${name}`;
  const worker = await fleet.start({ url, workers: 2, concurrency: concurrency / 2 });
  const many = (count: number) => Array.from({ length: count }, () => short.with({ ms: 1 }));

  const working = await mostDuring(fleet, async () => {
    await fleet.enqueue(...many(500));
    await fleet.finished();
  });
  expect(working).toBeGreaterThanOrEqual(2);
  expect(working).toBeLessThanOrEqual(most);

  const enqueuing = await mostDuring(fleet, async () => {
    const requests = Array.from({ length: concurrency }, () => enqueueing.with({ jobs: 50 }));
    await fleet.enqueue(...requests);
    await fleet.finished();
  });
  expect(enqueuing).toBeGreaterThanOrEqual(3);
  expect(enqueuing).toBeLessThanOrEqual(most);

  const before = worker.began.length;
  await fleet.enqueue(
    ...Array.from({ length: concurrency * 2 }, () =>
      transactional.with({ held: true, followUps: 5 }),
    ),
  );
  await worker.waitFor('all slots are taken', () => worker.began.length === before + concurrency);
  const held = await connections(fleet);
  expect(held).toBeGreaterThanOrEqual(concurrency);
  const inTransactions = await mostDuring(fleet, async () => {
    worker.letGo();
    await fleet.finished();
  });
  expect(inTransactions).toBeLessThanOrEqual(most + concurrency);
  await fleet.until('they are closed again', async () => (await connections(fleet)) <= 3);

  process.stdout.write(
    `G23: connections while working ${working}, enqueueing ${enqueuing}, in ${concurrency} transactions ${inTransactions}\n`,
  );
  expect(await fleet.violations({ allFinished: true, exactlyOnce: true })).toEqual([]);
});
