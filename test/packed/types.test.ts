import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { pathIn, runIn } from './packed.ts';

const common = {
  strict: true,
  noEmit: true,
  target: 'es2023',
  lib: ['es2024', 'esnext.disposable'],
  types: ['node'],
  resolveJsonModule: true,
  allowImportingTsExtensions: true,
  // So that every declaration of ours that is reached is judged, and not only its use.
  skipLibCheck: false,
};

/** As strict as can be in one, no stricter than `strict` in the other. */
const resolutions = {
  nodenext: {
    module: 'nodenext',
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
  },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
};

const compilers = ['5.9', '6.0', '7.0'];
const matrix = compilers.flatMap((compiler) =>
  Object.entries(resolutions).map(([resolution, options]) => ({ compiler, resolution, options })),
);

/** What the compiler says of each file: a line for each error, with what is indented below it. */
function compile(compiler: string, resolution: string, options: object): Map<string, string[]> {
  const config = `tsconfig.${compiler}-${resolution}.json`;
  const include = ['*.ts', 'mistakes/*.ts'];
  const compilerOptions = { ...common, ...options };
  writeFileSync(pathIn('consumer', config), JSON.stringify({ compilerOptions, include }));
  const tsc = `node_modules/typescript-${compiler}/bin/tsc`;
  const args = [tsc, '-p', config, '--pretty', 'false'];
  const { stdout, stderr } = runIn(pathIn('consumer'), process.execPath, args);
  expect(stderr).toBe('');
  const errors = stdout.trimEnd().split(/\n(?! )/);
  return Map.groupBy(errors, (error) => /^[^(]*/.exec(error)?.[0] ?? '');
}

const read = (file: string) => readFileSync(pathIn('consumer', file), 'utf8');

/** Files with one wrong use each, and what the compiler is to say of it. */
const mistakes = globSync('mistakes/*.ts', { cwd: pathIn('consumer') })
  .toSorted()
  .flatMap((file) => {
    const says = /^\/\/ says: (.*)$/m.exec(read(file))?.[1];
    const mistake = basename(file, '.ts').replaceAll('-', ' ');
    return says === undefined ? [] : [{ file, mistake, says }];
  });

/** More than that nobody reads. */
const mostLines = 4;
const mostCharacters = 320;

function isReadable(error: string): boolean {
  const lines = error.split('\n');
  return lines.length <= mostLines && lines.every((line) => line.length <= mostCharacters);
}

describe.each(matrix)(
  'with TypeScript $compiler and $resolution',
  ({ compiler, resolution, options }) => {
    const errors = new Map<string, string[]>();
    beforeAll(() => {
      for (const [file, all] of compile(compiler, resolution, options)) errors.set(file, all);
    });

    it('an application compiles, with every declaration that it reaches', () => {
      const own = [...errors].filter(([file]) => !file.startsWith('mistakes/'));
      expect(own).toEqual([]);
    });

    it.each(mistakes)(
      '$mistake is refused by one error that says so in a few lines',
      ({ file, says }) => {
        const [error = '', ...others] = errors.get(file) ?? [];
        expect(error).toContain(says);
        expect(error).toSatisfy(isReadable);
        expect(others).toEqual([]);
      },
    );
  },
);

it('the project that is compiled imports every subpath of the package', () => {
  const { exports } = JSON.parse(read('node_modules/millrace/package.json')) as { exports: object };
  const imported = [...read('subpaths.ts').matchAll(/from '(millrace[^']*)'/g)].map(
    ([, of = '']) => of,
  );
  expect(imported.toSorted()).toEqual(
    Object.keys(exports)
      .map((subpath) => join('millrace', subpath))
      .toSorted(),
  );
});
