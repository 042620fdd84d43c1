import { expect, it, vi } from 'vitest';
import { defaultTuning } from '../../packages/millrace/src/core/tuning.ts';
import { held } from '../fixtures/jobs.ts';
import { startFlakyProxy } from '../helpers/flaky-proxy.ts';
import { Fleet } from '../helpers/fleet.ts';

vi.setConfig({ testTimeout: 90_000 });

it('G16: G2: a session that leads nowhere is noticed by its own worker first: nobody rescues its job, which goes on', async () => {
  await using fleet = await Fleet.create();
  await using proxy = await startFlakyProxy(fleet.url);
  const events = ['worker:renewed', 'worker:died', 'job:rescued'] as const;
  const cut = await fleet.start({ url: proxy.url, tuning: defaultTuning, events });
  const [id = ''] = await fleet.enqueue(held.with({}));
  await cut.waitForBegan(id);
  const other = await fleet.start({ tuning: defaultTuning, events });

  await proxy.swallowFrom('millrace_beat');
  const swallowedMs = performance.now();
  await cut.waitFor('it has a new identity', () => cut.events('worker:renewed').length > 0);
  const tookMs = performance.now() - swallowedMs;
  process.stdout.write(`G16: a session in a black hole: renewed after ${Math.round(tookMs)} ms\n`);
  expect(tookMs).toBeLessThan(3 * 5_000);
  expect(cut.events('worker:renewed')).toMatchObject([
    { reason: 'connection_lost', kept: 1, lost: 0 },
  ]);
  cut.letGo();
  await fleet.finished();
  for (const worker of [cut, other]) {
    expect(worker.events('worker:died')).toEqual([]);
    expect(worker.events('job:rescued')).toEqual([]);
  }
  expect(await fleet.violations({ allFinished: true, exactlyOnce: true })).toEqual([]);
});

it('G16: a LISTEN connection that leads nowhere is noticed, subscribed anew, and what was missed is caught up', async () => {
  await using fleet = await Fleet.create();
  await using proxy = await startFlakyProxy(fleet.url);
  const events = ['listener:lost', 'listener:ready', 'claim:empty'] as const;
  // Without notifications it finds nothing before the test is over, once its pauses have grown.
  const hour = 3_600_000;
  const tuning = { ...defaultTuning, pollMs: hour, backstopMs: hour };
  const worker = await fleet.start({ url: proxy.url, tuning, events });
  await worker.waitFor('it listens', () => worker.events('listener:ready').length === 1);
  await proxy.swallowFrom('SELECT 1');
  await worker.waitFor('it sleeps long', () => worker.events('claim:empty').length > 11);
  const swallowedMs = performance.now();
  const [id = ''] = await fleet.enqueue(held.with({}));
  await worker.waitForBegan(id);
  const tookMs = performance.now() - swallowedMs;
  process.stdout.write(`G16: LISTEN in a black hole: caught up after ${Math.round(tookMs)} ms\n`);
  expect(tookMs).toBeLessThan(3 * 5_000);
  await worker.waitFor('it listens again', () => worker.events('listener:ready').length === 2);
  expect(worker.events('listener:lost')).toHaveLength(1);
  worker.letGo();
  await fleet.finished();
});
