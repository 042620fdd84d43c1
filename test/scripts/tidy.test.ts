import { describe, expect, it } from 'vitest';
import { contentProblems } from '../../scripts/tidy/contents.ts';
import { dependencyProblems } from '../../scripts/tidy/dependencies.ts';
import { importProblems } from '../../scripts/tidy/imports.ts';
import type { Problem, Tree } from '../../scripts/tidy/problem.ts';

const src = 'packages/millrace/src/';

/** A tree of files below the house's root; paths that begin with `/` are those of the repository. */
function tree(files: Readonly<Record<string, string>>): Tree {
  return new Map(
    Object.entries(files).map(([path, text]) => [
      path.startsWith('/') ? path.slice(1) : src + path,
      text,
    ]),
  );
}

function shown(problems: readonly Problem[]): string[] {
  return problems.map(({ path, line, message }) => `${path.replace(src, '')}:${line} ${message}`);
}

const importsIn = (files: Readonly<Record<string, string>>) => shown(importProblems(tree(files)));
const contentsIn = (files: Readonly<Record<string, string>>) => shown(contentProblems(tree(files)));

const lines = (count: number, line = 'x();') => `${line}\n`.repeat(count);

describe('the import rule', () => {
  it.each([
    ['core', '../worker/worker.ts', 'is on floor 1 and imports worker on floor 2'],
    ['worker', '../scheduler/x.ts', 'is on floor 2 and imports scheduler on floor 2'],
    ['worker', '../runtime.ts', 'is on floor 2 and imports runtime.ts on floor 3'],
    [
      'worker',
      '../storage/pool.ts',
      'imports storage, which only runtime.ts and watch-thread.ts and testing may',
    ],
    [
      'cli',
      '../storage/pool.ts',
      'imports storage, which only runtime.ts and watch-thread.ts and testing may',
    ],
    ['client', '../system-clock.ts', 'is on floor 2 and imports system-clock.ts on floor 2'],
    ['telemetry', '../index.ts', 'is on floor 2 and imports index.ts on floor 5'],
    ['testing', '../cli/main.ts', 'is on floor 4 and imports cli on floor 5'],
    ['cli', '../../../dev-db/src/index.ts', 'imports ../../dev-db/src/index.ts, which is outside'],
    ['core', 'pg', 'imports the package pg, which it may not'],
    ['core', 'croner', 'imports the package croner, which it may not'],
    ['worker', 'pg', 'imports the package pg, which it may not'],
    ['cli', 'pg', 'imports the package pg, which it may not'],
    ['worker', '@bufbuild/protobuf/wire', 'imports the package @bufbuild/protobuf, which it may'],
    ['core', 'node:fs', 'imports node:fs, but core is pure'],
  ])('refuses that %s imports %s', (room, specifier, message) => {
    const [problem, ...others] = importsIn({
      [`${room}/a.ts`]: `import { x } from '${specifier}';`,
    });
    expect(problem).toContain(`${room}/a.ts:1 ${message}`);
    expect(others).toEqual([]);
  });

  it.each([
    ['an import of types', `import type { Pool } from 'pg';`],
    ['a re-export', `export { Pool } from 'pg';`],
    ['a re-export of everything', `export * from 'pg';`],
    ['an import without names', `import 'pg';`],
    ['a dynamic import', `const pg = await import('pg');`],
    ['an import over several lines', `import {\n  Pool,\n  type Client,\n} from "pg";`],
  ])('sees %s', (_, code) => {
    expect(importsIn({ 'worker/a.ts': code })).toHaveLength(1);
  });

  it('does not take comments and texts for imports', () => {
    const code = `// import 'pg';\n/* import { x } from 'pg'; */\nconst x = "import 'pg'";`;
    expect(importsIn({ 'worker/a.ts': code })).toEqual([]);
  });

  it('refuses a computed import outside of the command line', () => {
    const code = 'const x = await import(name);';
    expect(importsIn({ 'core/a.ts': code, 'cli/a.ts': code })).toEqual([
      'core/a.ts:1 imports the package (computed), which it may not',
    ]);
  });

  it('allows what the table allows', () => {
    expect(
      importsIn({
        'core/cron.ts': `import { Cron } from 'croner';`,
        'storage/pool.ts': `import pg from 'pg';\nimport type { Clock } from '../core/clock.ts';`,
        'testing/clock.ts': `import { Pool } from '../storage/pool.ts';`,
        'runtime.ts': `import { Pool } from './storage/pool.ts';`,
        'cli/main.ts': `import { run } from '../runtime.ts';\nimport { x } from './x.ts';`,
        'worker/sql/deep.ts': `import { x } from '../x.ts';\nimport { y } from '../../core/y.ts';`,
        'worker/a.test.ts': `import { Pool } from '../storage/pool.ts';`,
      }),
    ).toEqual([]);
  });

  it('refuses a file that stands in no room', () => {
    expect(importsIn({ 'helpers/a.ts': '' })).toEqual([
      'helpers/a.ts:0 helpers is no room of the house',
    ]);
  });

  it('refuses that the public face contains more than names', () => {
    const names = `/** The API. */\nexport { a } from './core/a.ts';\nexport type { B } from './core/b.ts';\n`;
    expect(importsIn({ 'index.ts': names, 'testing/index.ts': names })).toHaveLength(0);
    expect(importsIn({ 'index.ts': `${names}export const x = 1;` })).toEqual([
      'index.ts:0 may contain `export … from` and nothing else',
    ]);
  });

  it('refuses circles, also inside a folder', () => {
    expect(
      importsIn({
        'core/a.ts': `import { b } from './b.ts';`,
        'core/b.ts': `import { c } from './c.ts';`,
        'core/c.ts': `import { a } from './a.ts';`,
      }),
    ).toEqual([
      'core/a.ts:0 imports itself in a circle: core/a.ts → core/b.ts → core/c.ts → core/a.ts',
    ]);
  });

  it('does not count types that name each other as a circle', () => {
    expect(
      importsIn({
        'core/a.ts': `import { b } from './b.ts';`,
        'core/b.ts': `import type { A } from './a.ts';`,
      }),
    ).toEqual([]);
  });
});

describe('the rule that only storage contains SQL', () => {
  it.each([
    'SELECT 1',
    'select id from job',
    '\n  WITH claimed AS (\n SELECT 1) SELECT 2',
    'insert into job values (1)',
    'update job set state = 1',
    'UPDATE ${}.job j SET state = 1',
    'delete from job',
    'CREATE OR REPLACE FUNCTION f() RETURNS int',
    'create unique index on job (id)',
    'ALTER TABLE job ADD x int',
    'drop schema millrace',
    'BEGIN',
    'COMMIT;',
    'LISTEN jobs',
    'SET LOCAL search_path = x',
  ])('refuses %j', (sql) => {
    const code = `query(\`${sql.replace('${}', '${schema}')}\`);`;
    expect(contentsIn({ 'worker/a.ts': code })).toEqual([
      'worker/a.ts:1 contains SQL; only storage/ may',
    ]);
    expect(contentsIn({ 'storage/a.ts': code, 'worker/a.test.ts': code })).toEqual([]);
  });

  it('does not take sentences, comments and code for SQL', () => {
    const code = `
      // SELECT 1
      log('with the first of them as a hint', 'update of the schedule failed', 'delete it');
      log('select a queue', 'Begin again', 'create a table of the results', "set the time");
      const x = items.select('a').from('b');`;
    expect(contentsIn({ 'worker/a.ts': code })).toEqual([]);
  });
});

describe('the rule of the one clock', () => {
  it.each([
    ['Date.now', 'Date.now()'],
    ['new Date', 'new Date()'],
    ['new Date', 'new Date'],
    ['Date', 'Date()'],
    ['setTimeout', 'setTimeout(f, 1)'],
    ['setTimeout', 'globalThis.setTimeout(f, 1)'],
    ['setInterval', 'setInterval(f, 1)'],
    ['setImmediate', 'setImmediate(f)'],
    ['performance', 'performance.now()'],
    ['process.hrtime', 'process.hrtime.bigint()'],
    ['process.uptime', 'process.uptime()'],
    ['AbortSignal.timeout', 'AbortSignal.timeout(5)'],
  ])('refuses %s in `%s`', (what, code) => {
    expect(contentsIn({ 'worker/a.ts': `const x = ${code};` })).toEqual([
      `worker/a.ts:1 uses ${what}; the only clock is the injected one`,
    ]);
  });

  it('refuses the modules that bring timers under another name', () => {
    expect(
      contentsIn({ 'cli/a.ts': `import { setTimeout as sleep } from 'node:timers/promises';` }),
    ).toContain('cli/a.ts:1 uses node:timers/promises; the only clock is the injected one');
  });

  it('allows the system clock, tests, and conversions of times', () => {
    expect(
      contentsIn({
        'system-clock.ts': 'export const now = () => new Date();',
        'worker/a.test.ts': 'const now = Date.now();',
        'worker/a.ts': `// Date.now()\nconst x = new Date(ms); const y = { performanceMs: 'Date.now()' };`,
      }),
    ).toEqual([]);
  });

  it('allows what the list says is no clock, and refuses an entry that nobody needs any more', () => {
    expect(contentsIn({ 'telemetry/event-bus.ts': 'setImmediate(f);' })).toEqual([]);
    expect(contentsIn({ 'telemetry/event-bus.ts': 'setTimeout(f); setImmediate(f);' })).toEqual([
      'telemetry/event-bus.ts:1 uses setTimeout; the only clock is the injected one',
    ]);
    expect(contentsIn({ 'telemetry/event-bus.ts': 'f();' })).toEqual([
      'telemetry/event-bus.ts:0 no longer uses setImmediate; remove it from the list in scripts/tidy/house.ts',
    ]);
  });
});

it('only the command line prints', () => {
  const code = `console.log('x'); // console.log\nlog('console.log');`;
  expect(contentsIn({ 'worker/a.ts': code, 'cli/a.ts': code })).toEqual([
    'worker/a.ts:1 prints; only cli may',
  ]);
});

describe('the rule of sizes', () => {
  it('refuses a file of more than 400 lines, wherever it is', () => {
    const files = {
      'worker/a.ts': lines(401),
      '/scripts/b.ts': lines(401),
      '/test/c.test.ts': lines(401),
      'worker/d.ts': lines(400),
    };
    expect(contentsIn(files)).toEqual([
      'worker/a.ts:0 has 401 lines; 400 are allowed',
      'scripts/b.ts:0 has 401 lines; 400 are allowed',
      'test/c.test.ts:0 has 401 lines; 400 are allowed',
    ]);
  });

  it.each([
    ['a function', 'function f<T>(a: { b: T }): Promise<{ c: T }> {'],
    ['a generator method', 'class C {\n  async *#m(a = {}): AsyncGenerator<string> {'],
    ['a constructor', 'class C {\n  constructor() {'],
    ['an arrow function', 'const f = async (a: string): Promise<void> => {'],
    ['an arrow function with one parameter', 'const f = a => {'],
    ['a callback', 'run(async () => {'],
  ])('refuses %s of more than 70 lines', (_, head) => {
    const close = head.startsWith('class') ? '}}' : head.startsWith('run') ? '});' : '}';
    const begin = head.split('\n').length;
    const of = (count: number) => `${head}\n${lines(count - 2)}${close}`;
    expect(contentsIn({ 'worker/a.ts': of(70) })).toEqual([]);
    expect(contentsIn({ 'worker/a.ts': of(71) })).toEqual([
      `worker/a.ts:${begin} a function of 71 lines; 70 are allowed`,
    ]);
  });

  it('does not take other braces for functions', () => {
    const many = lines(80);
    const code = `if (x) {\n${many}} else {\n${many}}\nconst o = { a: [\n${many.replaceAll(';', ',')}] };\nfor (const y of z) {\n${many}}`;
    expect(contentsIn({ 'worker/a.ts': code })).toEqual([]);
  });

  it('does not stumble over brackets in texts, templates and regular expressions', () => {
    const code = `const a = '{ (', b = \`} \${f('}')} {\`, c = /[/{"]+\\/\\(/.test(d) ? 1 / 2 : 3 / 4;\n// {\n`;
    expect(contentsIn({ 'worker/a.ts': `${code}function f() {\n${lines(69)}}` })).toEqual([
      'worker/a.ts:3 a function of 71 lines; 70 are allowed',
    ]);
  });

  it('lets a test be longer than a step of the product, and a group of tests longer still', () => {
    const group = (inside: string) => `describe('x', () => {\n${inside}});\n`;
    expect(contentsIn({ '/test/a.test.ts': group(lines(110)) })).toEqual([]);
    expect(
      contentsIn({ '/test/a.test.ts': `describe.skipIf(x)('x', () => {\n${lines(110)}});` }),
    ).toEqual([]);
    expect(contentsIn({ '/test/a.test.ts': group(`it('y', () => {\n${lines(110)}});\n`) })).toEqual(
      ['test/a.test.ts:2 a function of 112 lines; 100 are allowed'],
    );
  });

  it(`lets a migration's text be as long as it must, but not the code around it`, () => {
    const text = `return \`\n${lines(500, 'CREATE TABLE x ();')}\`;\n`;
    const file = 'storage/migrations/0001.ts';
    expect(contentsIn({ [file]: `export function init() {\n${text}}` })).toEqual([]);
    expect(contentsIn({ 'storage/a.ts': `export function init() {\n${text}}` })).toHaveLength(2);
    expect(contentsIn({ [file]: `export function init() {\n${lines(70)}${text}}` })).toHaveLength(
      1,
    );
  });
});

describe('the rule of dependencies', () => {
  const manifest = (section: string, name: string) => ({
    '/packages/millrace/package.json': JSON.stringify({ [section]: { [name]: '1.0.0' } }),
  });

  it('refuses a package that is not on the list', () => {
    expect(shown(dependencyProblems(tree(manifest('dependencies', 'lodash'))))).toEqual([
      'packages/millrace/package.json:0 dependencies names lodash, which is not on the list in scripts/tidy/house.ts',
    ]);
    expect(dependencyProblems(tree(manifest('peerDependencies', 'react')))).toHaveLength(1);
    expect(dependencyProblems(tree(manifest('optionalDependencies', 'pg')))).toHaveLength(1);
  });

  it('allows what is on the list', () => {
    expect(dependencyProblems(tree(manifest('dependencies', 'pg')))).toEqual([]);
  });
});
