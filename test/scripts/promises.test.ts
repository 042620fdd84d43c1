import { describe, expect, it } from 'vitest';
import { idsIn, judge, readPromised } from '../../scripts/promises/promises.ts';

const origin = '| id | what |\n|---|---|\n| W1 | one |\n| W2 | two |\n';
const guarantees = '## Jobs\n1. First.\n   Kept.\n2. Second.\n';

const promised = (...finished: string[]) =>
  readPromised(origin, guarantees, JSON.stringify({ rows: finished }));
const tests = (...names: string[]) =>
  new Map([['a.test.ts', names.map((name) => `it('${name}', () => {});`).join('\n')]]);

describe('the check of promises', () => {
  it('fails for a finished row without a test', () => {
    expect(judge(promised('W1', 'W2'), tests('W1: it works')).problems).toEqual([
      'row W2 is finished, but no test names it',
    ]);
  });

  it('fails for a test that names an unknown row or promise', () => {
    expect(judge(promised(), tests('W3: x', 'G3: x', 'W1, G2: x')).problems).toEqual([
      'a.test.ts: a test names W3, which neither document has',
      'a.test.ts: a test names G3, which neither document has',
    ]);
  });

  it('fails for a finished row that does not exist', () => {
    expect(judge(promised('W9'), tests()).problems).toEqual([
      'docs/finished.json: there is no row W9',
    ]);
  });

  it('lists promises without a test, and does not fail for them', () => {
    expect(judge(promised('W1'), tests('W1 G2: x'))).toEqual({ problems: [], unnamed: ['G1'] });
  });

  it.each([
    [`it('W1: x', f)`, ['W1']],
    [`it("W1, G2: x", f)`, ['W1', 'G2']],
    [`it('W1 G2: x', f)`, ['W1', 'G2']],
    [`it('W1 and G2: x', f)`, ['W1', 'G2']],
    [`it('W1: G2: x', f)`, ['W1', 'G2']],
    [`it('A5: C11: G2: x', f)`, ['G2']],
    ['describe(`W1: ${x}`, f)', ['W1']],
    [`it.each([\n['a', f(1)],\n])('W1: %s', f)`, ['W1']],
    [`it.skipIf(process.platform === 'x')('W1: x', f)`, ['W1']],
    [`it.skip('W1: x', f)`, []],
    [`it.todo('W1: x')`, []],
    [`describe.skip('W1: x', f)`, []],
    [`log('W1: x')`, []],
    [`// it('W1: x', f)`, []],
    [`it('no id W1 inside', f)`, []],
  ])('finds in %j the ids %j', (code, ids) => {
    expect(idsIn(code)).toEqual(ids);
  });
});
