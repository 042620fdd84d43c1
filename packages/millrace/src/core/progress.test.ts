import { describe, expect, it } from 'vitest';
import { progressOf } from './progress.ts';

describe('what a handler says of its progress', () => {
  it.each([
    [42.5, 42.5],
    [-1, 0],
    [100.000_001, 100],
    [Infinity, 100],
    [0 / 0, 0],
  ])('%s becomes %s percent, whatever it is', (said, kept) => {
    expect(progressOf(said)).toEqual({ percent: kept, note: null });
  });

  it('has a note that the database takes, of at most 1 KiB', () => {
    expect(progressOf(1, 'a\u0000b').note).toBe('a\uFFFDb');
    expect(progressOf(1, 'ü'.repeat(2_000)).note).toHaveLength(511);
  });
});
