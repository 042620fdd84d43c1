import { describe, expect, it } from 'vitest';
import { printable, properties, relativeTime, table } from './output.ts';

describe('printable', () => {
  it('keeps line breaks, tabs and every letter', () => {
    expect(printable('ä\n\t日本 🎉')).toBe('ä\n\t日本 🎉');
  });

  it('lets nothing through that a terminal obeys', () => {
    const hostile =
      '\u001B[31mred\u001B[0m \u001B]0;title\u0007 back\bspace \rover \u009B2J bell\u0007';
    // oxlint-disable-next-line no-control-regex
    expect(printable(hostile)).not.toMatch(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/);
    expect(printable(hostile)).toContain('red');
  });
});

describe('table', () => {
  it('lines cells up by what is seen of them, colours aside', () => {
    const lines = table(
      ['id', 'state'],
      [
        ['1', '\u001B[32mdone\u001B[39m'],
        ['1234', 'x'],
      ],
    );
    expect(lines.split('\n')).toEqual(['id    state', '1     \u001B[32mdone\u001B[39m', '1234  x']);
  });
});

describe('properties', () => {
  it('leaves out what has no value', () => {
    expect(
      properties([
        ['queue', 'mail'],
        ['reason', null],
        ['id', '1'],
      ]),
    ).toBe('  queue  mail\n  id     1');
  });
});

describe('relativeTime', () => {
  const nowMs = Date.parse('2026-11-23T12:00:00Z');
  it.for([
    [0, 'now'],
    [-999, 'now'],
    [-61_000, '1m 1s ago'],
    [7_200_000, 'in 2h'],
    [-90_061_000, '1d 1h ago'],
  ] as const)('%i ms from now is "%s"', ([distanceMs, text]) => {
    expect(relativeTime(new Date(nowMs + distanceMs), nowMs)).toBe(text);
  });
});
