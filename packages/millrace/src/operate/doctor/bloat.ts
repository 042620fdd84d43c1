import type { TableFact } from '../../core/operator/health.ts';
import { judgeOf } from './judge.ts';

const mebibyte = 1024 * 1024;

/** Less is not worth a word. */
const leastBytes = 64 * mebibyte;

/**
 * What one live row can take at most: large payloads lie elsewhere, so at a fill factor of 50 % a page of 8 KiB holds at least
 * one row; twice that leaves room for what is dead between two vacuums.
 */
const mostPerRow = { table: 16 * 1024, index: 2 * 1024 } as const;

/** Only estimates: what statistics say of rows, against what the files take. */
export const bloat = judgeOf(
  'bloat',
  (facts) => facts.tables,
  (tables) =>
    tables.filter(isBloated).map(({ name, bytes, liveRows, isIndex, mend }) => ({
      severity: 'warning',
      message: `The ${isIndex ? 'index' : 'table'} ${name} takes ${Math.round(bytes / mebibyte)} MiB for about ${Math.round(liveRows)} live rows.`,
      mend,
    })),
);

function isBloated({ bytes, liveRows, isIndex }: TableFact): boolean {
  const perRow = isIndex ? mostPerRow.index : mostPerRow.table;
  return bytes >= leastBytes && bytes > liveRows * perRow;
}
