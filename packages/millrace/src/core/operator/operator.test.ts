import { describe, expect, it } from 'vitest';
import { jobEvents } from '../lifecycle.ts';
import { checkOptions } from '../options.ts';
import { finishedCursor } from './job-search.ts';
import { jobVerbs } from './job-verbs.ts';
import { bulkChecks, bulkFilterChecks, listChecks } from './options.ts';

it.each(jobVerbs)('whether jobs can be acted on by %s stands in the lifecycle table', (verb) => {
  expect(jobEvents).toContain(verb === 'discard' ? 'giveUp' : verb);
});

it('a cursor in the order of finishing is microseconds and an id', () => {
  expect(finishedCursor.exec('1760000000000000-42')?.slice(1)).toEqual(['1760000000000000', '42']);
  const others = [
    '42',
    '-42',
    '1-',
    '1-x',
    'x1-2',
    '1-2x',
    `${'1'.repeat(17)}-1`,
    `1-${'1'.repeat(20)}`,
  ];
  expect(others.filter((text) => finishedCursor.test(text))).toEqual([]);
});

describe('a filter of jobs', () => {
  const judged = (options: object) => checkOptions(listChecks, options, 'list');

  it.each<[unknown, unknown]>([
    ['1h', 3_600_000],
    ['1.5h', 5_400_000],
    ['1.25h', 4_500_000],
    ['15m', 900_000],
    ['500ms', 500],
    [500, 500],
    ['2026-01-02T03:04:05Z', new Date('2026-01-02T03:04:05Z')],
    [new Date(5), new Date(5)],
  ])('takes %j as a time, or as so long ago', (finishedSince, meant) => {
    expect(judged({ finishedSince })).toEqual({ finishedSince: meant });
  });

  it.each(['soon', 'in 1h', '1h ago', true, null])('takes %j as neither', (finishedUntil) => {
    expect(() => judged({ finishedUntil })).toThrow('list.finishedUntil');
  });

  it('takes any JSON as a payload to look for, and nothing else', () => {
    expect(judged({ payload: { to: [null] } })).toEqual({ payload: { to: [null] } });
    expect(() => judged({ payload: () => 1 })).toThrow('list.payload');
  });

  it.each<[object, object]>([
    [{ limit: 1_000 }, { limit: 1_001 }],
    [{ limit: 1 }, { limit: 0 }],
    [{ cursor: 'x'.repeat(40) }, { cursor: 'x'.repeat(41) }],
    [{ error: 'x'.repeat(1_000) }, { error: 'x'.repeat(1_001) }],
    [{ kind: 'x'.repeat(200) }, { kind: 'x'.repeat(201) }],
    [{ budget: 1 }, { budget: 0 }],
  ])('takes %j, and not %j', (least, beyond) => {
    expect(judged(least)).toEqual(least);
    expect(() => judged(beyond)).toThrow(`list.${Object.keys(beyond).join('')}`);
  });
});

it.each<[object, object]>([
  [{ chunk: 10_000 }, { chunk: 10_001 }],
  [{ chunk: 1 }, { chunk: 0 }],
  [{ priority: 32 }, { priority: 33 }],
  [{ priority: -32 }, { priority: -33 }],
  [{ reason: 'x'.repeat(1_000) }, { reason: 'x'.repeat(1_001) }],
])('a bulk takes %j, and not %j', (least, beyond) => {
  expect(checkOptions(bulkChecks, least, 'bulk')).toEqual(least);
  expect(() => checkOptions(bulkChecks, beyond, 'bulk')).toThrow('bulk.');
});

it('the ids of a bulk are names', () => {
  expect(checkOptions(bulkFilterChecks, { ids: ['1'] }, 'bulk')).toEqual({ ids: ['1'] });
  expect(() => checkOptions(bulkFilterChecks, { ids: [1] }, 'bulk')).toThrow('bulk.ids');
});
