import { expect, it } from 'vitest';
import { held, short } from '../fixtures/jobs.ts';
import { Fleet } from '../helpers/fleet.ts';
import { startFlakyProxy } from '../helpers/flaky-proxy.ts';

/** A text that is in the answer of the claim and nowhere else. */
const tag = 'its claim is answered to nobody';

it('A1: G1: jobs of a claim that was committed and whose answer was lost are not stuck under their living worker', async () => {
  await using fleet = await Fleet.create();
  await using proxy = await startFlakyProxy(fleet.url);
  const swallowed = proxy.loseAnswerWith(tag).then(() => proxy.cut());
  const events = ['claim:failed', 'worker:renewed', 'job:rescued', 'settle:refused'] as const;
  const worker = await fleet.start({ url: proxy.url, events });
  const [inHand = ''] = await fleet.enqueue(held.with({}));
  await worker.waitForBegan(inHand);

  const tagged = () => short.with({}, { tags: [tag] });
  const jobs = await fleet.enqueue(tagged(), tagged(), tagged());
  await swallowed;
  const lost = await fleet.query<{ id: string }>(
    'SELECT id::text FROM millrace.job WHERE state = 1 ORDER BY id',
  );
  expect(lost.map(({ id }) => id)).toEqual([inHand, ...jobs]);

  await worker.waitFor('it is rescued', () => worker.events('job:rescued').length === jobs.length);
  expect(worker.events('claim:failed')[0]).toMatchObject({ cause: 'connection' });
  // Of the claim and the session it hears in either order.
  expect(worker.events('worker:renewed')).toMatchObject([{ kept: 1, lost: 0 }]);
  worker.letGo();
  await fleet.finished();
  // What was in hand went on, and the rest ran once; nobody paid with an attempt.
  const runs = fleet.history().flatMap((line) => (line.what === 'began' ? [line.job] : []));
  expect(runs.toSorted()).toEqual([inHand, ...jobs].toSorted());
  expect(worker.events('settle:refused')).toEqual([]);
  expect(await fleet.violations({ exactlyOnce: true, allFinished: true })).toEqual([]);
});
