import { expect, it } from 'vitest';
import type { NewJob, StoredJob } from '../core/storage.ts';
import { TurnMates } from './turn-mates.ts';

const job = (kind: string) => ({ kind }) as NewJob;
const aTurn = () => new Promise<void>((resolve) => void setImmediate(resolve));

/** Stores what it is given, and notes the kinds of each call. */
function recorder(refuse: (kinds: readonly string[]) => Error | undefined = () => undefined) {
  const calls: string[][] = [];
  const store = async (jobs: readonly NewJob[]): Promise<StoredJob[]> => {
    const kinds = jobs.map(({ kind }) => kind);
    calls.push(kinds);
    const error = refuse(kinds);
    if (error !== undefined) throw error;
    return kinds.map((kind) => ({ id: `id of ${kind}`, status: 'created', notified: null }));
  };
  return { calls, mates: new TurnMates(store) };
}

const idsOf = async (adding: readonly Promise<StoredJob>[]) =>
  (await Promise.allSettled(adding)).map((end) =>
    end.status === 'fulfilled' ? end.value.id : (end.reason as Error).message,
  );

it('jobs that are enqueued in one turn go together, in their order, and each hears of itself', async () => {
  const { calls, mates } = recorder();
  const adding = ['a', 'b', 'c'].map((kind) => mates.add(job(kind)));
  expect(await idsOf(adding)).toEqual(['id of a', 'id of b', 'id of c']);
  expect(calls).toEqual([['a', 'b', 'c']]);
});

it('nothing waits for a statement that is under way', async () => {
  const { calls, mates } = recorder();
  const first = mates.add(job('a'));
  await aTurn();
  const second = mates.add(job('b'));
  await Promise.all([first, second]);
  expect(calls).toEqual([['a'], ['b']]);
});

it('a hundred jobs go into one statement', async () => {
  const { calls, mates } = recorder();
  const kinds = Array.from({ length: 250 }, (_, index) => String(index));
  expect(await idsOf(kinds.map((kind) => mates.add(job(kind))))).toHaveLength(250);
  expect(calls.map(({ length }) => length)).toEqual([100, 100, 50]);
  expect(calls.flat()).toEqual(kinds);
});

it('what the server refuses for one of them is refused to that one alone', async () => {
  const refused = Object.assign(new Error('no'), { code: '23514' });
  const { calls, mates } = recorder((kinds) => (kinds.includes('bad') ? refused : undefined));
  const adding = ['a', 'bad', 'c'].map((kind) => mates.add(job(kind)));
  expect(await idsOf(adding)).toEqual(['id of a', 'no', 'id of c']);
  expect(calls).toEqual([['a', 'bad', 'c'], ['a'], ['bad'], ['c']]);
});

it('when nobody knows whether they were stored, none is stored again and all hear so', async () => {
  const lost = Object.assign(new Error('gone'), { code: 'ECONNRESET' });
  const { calls, mates } = recorder(() => lost);
  expect(await idsOf(['a', 'b'].map((kind) => mates.add(job(kind))))).toEqual(['gone', 'gone']);
  expect(calls).toEqual([['a', 'b']]);
});
