import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'vite';
import { expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '../helpers/database.ts';
import { sourceConditions } from '../helpers/source-conditions.ts';

const fixtures = resolve(import.meta.dirname, '../fixtures/bundle');

/** What a bundler puts into the files that `entry` starts with: the modules that left code in them, and the code. */
async function bundle(entry: string) {
  const built = await build({
    ...sourceConditions,
    root: fixtures,
    configFile: false,
    logLevel: 'error',
    ssr: { ...sourceConditions.ssr, noExternal: true, external: ['pg'] },
    build: { ssr: resolve(fixtures, entry), write: false, minify: false },
  });
  const outputs = Array.isArray(built) ? built : [built];
  const all = outputs.flatMap((one) =>
    'output' in one ? one.output.filter((file) => file.type === 'chunk') : [],
  );
  const begun = new Set(all.filter(({ isEntry }) => isEntry));
  // A set goes on to what is added meanwhile.
  for (const { imports } of begun) {
    for (const each of all) if (imports.includes(each.fileName)) begun.add(each);
  }
  const chunks = [...begun];
  return {
    modules: chunks.flatMap(({ moduleIds }) => moduleIds).join('\n'),
    code: chunks.map(({ code }) => code).join('\n'),
    files: all,
  };
}

it('a producer that imports a definition without its handler is bundled without handler and croner', async () => {
  const { modules, code } = await bundle('producer.ts');
  expect(modules).toContain('core/job-definition.ts');
  expect(code).toContain('import-page');
  expect(modules).not.toContain('import-page-handler');
  expect(code).not.toContain('only-workers-fetch');
  expect(modules).not.toContain('croner');
  expect(code).not.toContain('CronPattern');
});

it('a worker with a cron schedule is bundled with both', async () => {
  const { modules, code } = await bundle('worker.ts');
  expect(modules).toContain('import-page-handler');
  expect(code).toContain('only-workers-fetch');
  expect(modules).toContain('croner');
  expect(code).toContain('CronPattern');
});

it('G5: a bundled worker, which lacks the file of the thread that watches its event loop, works and says so once', async () => {
  await using database = await createTestDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bundle-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { files } = await bundle('whole-worker.ts');
  for (const { fileName, code } of files) {
    mkdirSync(dirname(join(folder, fileName)), { recursive: true });
    writeFileSync(join(folder, fileName), code);
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const entry = files.find(({ isEntry }) => isEntry)?.fileName ?? '';
  symlinkSync(resolve(import.meta.dirname, '../../node_modules'), join(folder, 'node_modules'));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [entry], {
    cwd: folder,
    env: { DATABASE_URL: database.url },
  });
  expect(JSON.parse(stdout)).toMatchObject({ state: 'completed', result: 'hello' });
  const lines = stderr.trim().split('\n');
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { level: 'warn', event: 'loop:unwatched', error: { code: 'MODULE_NOT_FOUND' } },
  ]);
});
