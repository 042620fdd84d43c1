import { startDevDatabase } from '@millrace/dev-db';
import { createMillrace, defineJob } from 'millrace';
import pg from 'pg';
import { describe, expect, it, vi } from 'vitest';
import { held } from '../fixtures/jobs.ts';
import {
  backToPace,
  expectUnharmed,
  hasty,
  outlast,
  runsOf,
  startBusy,
} from '../helpers/aftermath.ts';
import { Fleet } from '../helpers/fleet.ts';
import { startFlakyProxy, type FlakyProxy } from '../helpers/flaky-proxy.ts';
import { durable } from '../helpers/own-server.ts';
import { startStandby } from '../helpers/standby.ts';
import { until } from '../helpers/until.ts';

vi.setConfig({ testTimeout: 90_000 });

/** Whoever connects from now on reaches the other server. */
function moveTo(proxy: FlakyProxy, url: string): void {
  proxy.pointTo(url);
  proxy.cut();
}

describe('when the primary is killed and its replica promoted', () => {
  it('A3: G16: no job of a living worker is rescued, handlers in hand go on, and the workers are back at full rate within 5 s', async () => {
    await using server = await startDevDatabase(durable);
    await using standby = await startStandby(server);
    await using proxy = await startFlakyProxy(server.url);
    await using fleet = await Fleet.on(proxy);
    const busy = await startBusy(fleet);

    // Nothing is lost with the primary: nothing is claimed or settled any more when it dies.
    proxy.block();
    await standby.caughtUp();
    await server.kill('SIGKILL');
    // The address leads to the replica before it takes writes, for longer than a new observer needs to judge.
    moveTo(proxy, standby.url);
    proxy.restore();
    await outlast(fleet, hasty.graceMs);
    await standby.promote();
    expect(await backToPace(fleet, busy, 'promoted')).toBeLessThan(3 * 5_000);
    await expectUnharmed(fleet, busy);
  });

  it('A1: G16: what an asynchronous replica had not heard of is done again, and nothing is stuck', async () => {
    await using server = await startDevDatabase(durable);
    await using standby = await startStandby(server);
    await using proxy = await startFlakyProxy(server.url);
    await using fleet = await Fleet.on(proxy);
    const worker = await fleet.start({ tuning: hasty });
    const other = await fleet.start({ tuning: hasty, queues: ['other'] });
    const [kept = ''] = await fleet.enqueue(held.with({}));
    const [claimed = ''] = await fleet.enqueue(held.with({}, { delay: '1h' }));
    const [settled = ''] = await fleet.enqueue(held.with({}, { queue: 'other' }));
    await worker.waitForBegan(kept);
    await other.waitForBegan(settled);
    await standby.caughtUp();

    await standby.cutOff();
    await fleet.millrace.retry(claimed);
    await worker.waitForBegan(claimed);
    other.letGo();
    await fleet.until('its outcome is confirmed', async () => {
      return (await fleet.millrace.get(settled))?.state === 'completed';
    });
    await server.kill('SIGKILL');
    moveTo(proxy, standby.url);
    await standby.promote();

    // The claim is forgotten: the handler is told, and the job waits as before.
    await worker.waitFor('it is told', () => claimed in worker.aborted);
    expect(worker.aborted).toEqual({ [claimed]: 'MILLRACE_LEASE_LOST' });
    expect(await fleet.millrace.get(claimed)).toMatchObject({ state: 'scheduled', attempt: 0 });
    // The settlement is forgotten: the worker lives and does not know that the job is its own.
    await fleet.until('the job is done again', () => runsOf(fleet, settled) === 2);
    await fleet.millrace.retry(claimed);
    worker.letGo();
    await fleet.finished();
    for (const id of [kept, claimed, settled]) {
      expect(await fleet.millrace.get(id)).toMatchObject({ state: 'completed', crashes: 0 });
    }
    expect(runsOf(fleet, kept)).toBe(1);
    expect(await fleet.violations({ allFinished: true })).toMatchObject([
      { rule: 'a job ran again without a recorded reason', job: claimed },
    ]);
  });
});

it('G16: at a replica calls are refused and transactional jobs wait, until new connections lead to the primary', async () => {
  await using server = await startDevDatabase(durable);
  await using proxy = await startFlakyProxy(server.url);
  const pool = new pg.Pool({ connectionString: proxy.url, max: 1 });
  pool.on('error', () => {});
  const job = defineJob({ kind: 'job', transaction: true, handler: () => {} });
  // Jobs are claimed at the primary all the time.
  await using millrace = createMillrace({
    connection: pool,
    directConnection: server.url,
    jobs: [job],
    logger: false,
  });
  await millrace.migrate();
  await using worker = millrace.createWorker();
  await worker.start();
  await using standby = await startStandby(server);

  moveTo(proxy, standby.url);
  await until('the connection is lost', () => pool.totalCount === 0);
  const refusal = { code: 'MILLRACE_DB_READ_ONLY' };
  await expect(millrace.enqueue(job)).rejects.toMatchObject(refusal);
  const enqueueing = millrace.transaction((tx) => millrace.enqueue(job, {}, { tx }));
  await expect(enqueueing).rejects.toMatchObject(refusal);
  let connects = 0;
  pool.on('connect', () => (connects += 1));
  await using atPrimary = createMillrace({ connection: server.url, jobs: [job], logger: false });
  const { id } = await atPrimary.enqueue(job);
  await until('a transaction was refused, and tried again', () => connects > 1);
  proxy.pointTo(server.url);
  await until('the job is done', async () => (await millrace.get(id))?.state === 'completed');
  expect(await millrace.get(id)).toMatchObject({ attempt: 1, attempts: [] });
  await worker.stop();
  await pool.end();
});
