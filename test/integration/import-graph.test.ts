import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const repository = resolve(import.meta.dirname, '../..');

/** Prints, one on a line, which modules are loaded by whom. */
const spy = `
  import { registerHooks } from 'node:module';
  registerHooks({
    resolve(specifier, context, next) {
      const result = next(specifier, context);
      console.log((context.parentURL ?? '') + '\\t' + result.url);
      return result;
    },
  });`;

function packagesLoadedBy(specifier: string): string[] {
  const output = execFileSync(
    process.execPath,
    [
      '--conditions=@millrace/source',
      `--import=data:text/javascript,${encodeURIComponent(spy)}`,
      '--input-type=module',
      `--eval=import ${JSON.stringify(specifier)}`,
    ],
    { cwd: join(repository, 'packages/millrace'), encoding: 'utf8' },
  );
  const edges = output.split('\n').map((line) => line.split('\t'));
  const own = `${repository}/packages/millrace/src/`;
  const packages = edges
    .filter(([parent = '']) => parent.includes(own))
    .flatMap(([, url = '']) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
  return [...new Set(packages)].toSorted();
}

it(`import 'millrace' loads no package but pg and croner`, () => {
  expect(packagesLoadedBy('millrace')).toEqual(['croner', 'pg']);
});

it('the command line is what loads commander', () => {
  expect(packagesLoadedBy('./src/cli/program.ts')).toContain('commander');
});
