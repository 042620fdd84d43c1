import { expect, it } from 'vitest';
import { heldJob } from '../../../../test/helpers/worker-parts.ts';
import type { Clock } from '../core/clock.ts';
import { CancelWatch } from './cancel-watch.ts';
import type { HeldJob } from './held-job.ts';

/** A clock on which no pause ever ends: what happens here is not due to the poll. */
const still: Clock = { monotonicMs: () => 0, after: () => () => {} };

function watchOver(running: readonly HeldJob[], claiming: boolean) {
  const asked: (readonly string[])[] = [];
  const watch = new CancelWatch({
    port: {
      async cancelRequests(ids) {
        asked.push(ids);
        return ids.map((id) => ({ id, reason: `no ${id}` }));
      },
    },
    clock: still,
    random: () => 0.5,
    running: () => running,
    claiming: () => claiming,
  });
  return { watch, asked };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

it('a notification aborts the handler of that job, with the reason of the request', async () => {
  const [one, other] = [heldJob({ id: '1' }), heldJob({ id: '2' })];
  const { watch, asked } = watchOver([one, other], false);
  watch.notified('1');
  watch.notified('3');
  await turn();
  expect(asked).toEqual([['1']]);
  expect(one.reason).toMatchObject({ code: 'MILLRACE_JOB_CANCELLED', message: 'no 1' });
  expect(other.signal.aborted).toBe(false);
});

it('a notification that comes before the answer of the claim is not lost', async () => {
  const held = heldJob({ id: '1' });
  const { watch } = watchOver([], true);
  watch.notified('1');
  watch.claimed([held, heldJob({ id: '2' })]);
  watch.claimEnded();
  await turn();
  expect(held.interruption).toBe('cancelled');
});

it('one that came before an earlier claim says nothing about this one', async () => {
  const { watch, asked } = watchOver([], true);
  watch.notified('1');
  watch.claimEnded();
  watch.claimed([heldJob({ id: '1' })]);
  await turn();
  expect(asked).toEqual([]);
});
