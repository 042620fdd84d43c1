import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fileOf, mutated } from '../../scripts/mutations/apply.ts';
import { conditionsOf } from '../../scripts/mutations/conditions.ts';
import { mutationsDocument } from '../../scripts/mutations/document.ts';
import { mutations, type Mutation } from '../../scripts/mutations/mutations.ts';

const read = (path: string) =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

it('every clause that is mutated occurs once in its statement, and every mutation changes it', () => {
  for (const mutation of mutations) {
    const source = read(fileOf(mutation));
    expect(mutated(source, mutation)).not.toBe(source);
  }
});

it('the document of the mutations is fresh', () => {
  expect(read('docs/mutations.md')).toBe(mutationsDocument());
});

it('a clause of every kind is mutated in every statement that has it', () => {
  const kinds =
    /\.lease = [io]\.lease|state = 1\b|SKIP LOCKED|NOT EXISTS|\.beat = |last_fire < |advisory_\w*lock/g;
  const missed = ['claim', 'settle', 'liveness', 'schedules', 'progress'].flatMap((file) =>
    statementsOf(read(`packages/millrace/src/storage/sql/${file}.ts`)).flatMap(([name, text]) => {
      const clauses = mutations
        .filter((one) => one.file === file && one.statement === name)
        .map(({ clause }) => clause);
      const isMutated = (kind: string) => clauses.some((clause) => clause.includes(kind));
      return [...new Set(text.match(kinds))]
        .filter((kind) => !isMutated(kind))
        .map((kind) => `${name}: ${kind}`);
    }),
  );
  // What a claim writes is no condition; the others look for who else is there, or only show.
  expect(missed).toEqual([
    'claimed: state = 1',
    'answer: NOT EXISTS',
    'completeAndClaim: NOT EXISTS',
    'sightings: state = 1',
    'adoptSchedules: NOT EXISTS',
    'reportProgress: NOT EXISTS',
  ]);
});

/** The statements, and the parts that several share. */
function statementsOf(source: string): [name: string, text: string][] {
  return [...source.matchAll(/\bconst (\w+) = (.*?)(?:\n\);|\x60;)/gs)].map(
    ([, name = '', text = '']) => [name, text],
  );
}

describe('applying a mutation', () => {
  const mutation: Mutation = {
    file: 'claim',
    statement: 'one',
    clause: 'AND b',
    becomes: '',
    breaks: '',
    test: { file: '', name: '' },
  };
  const source =
    'export const one = statement(\n a AND b\n);\nexport const two = statement(\n AND b\n);\n';

  it('changes the one place in the one statement', () => {
    expect(mutated(source, mutation)).toBe(source.replace('a AND b', 'a '));
  });

  it('refuses a clause that is not there, or there twice, and a statement that is not there', () => {
    const refused = (rest: Partial<Mutation>) => () => mutated(source, { ...mutation, ...rest });
    expect(refused({ clause: 'AND c' })).toThrow('exactly once');
    expect(refused({ clause: 'a' })).toThrow('exactly once');
    expect(refused({ statement: 'three' })).toThrow('no statement');
  });
});

describe('finding conditions', () => {
  const source =
    "export const one = statement(\n  `UPDATE t SET a = 1, b = 2 WHERE c = ${x('d <> e')} AND NOT f\n RETURNING g -> 'h'`,\n);\n";

  it('finds every comparison and test of the SQL, and nothing that is assigned', () => {
    expect(conditionsOf(source, []).map(({ text }) => text)).toEqual([
      "c = ${x('d",
      'AND NOT f RETURNING',
    ]);
  });

  it('knows which of them a mutation really changes', () => {
    const mutation = { statement: 'one', clause: 'c = ${x', becomes: 'c <> ${x' } as Mutation;
    expect(conditionsOf(source, [mutation]).map(({ isMutated }) => isMutated)).toEqual([
      true,
      false,
    ]);
  });
});
