import { resolve } from 'node:path';
import { build } from 'vite';
import { expect, it } from 'vitest';
import { sourceConditions } from '../helpers/source-conditions.ts';

const fixtures = resolve(import.meta.dirname, '../fixtures/bundle');

/** What a bundler puts into one file for `entry`: the modules that left code in it, and the code. */
async function bundle(entry: string): Promise<{ modules: string; code: string }> {
  const built = await build({
    ...sourceConditions,
    root: fixtures,
    configFile: false,
    logLevel: 'error',
    ssr: { ...sourceConditions.ssr, noExternal: true, external: ['pg'] },
    build: { ssr: resolve(fixtures, entry), write: false, minify: false },
  });
  const outputs = Array.isArray(built) ? built : [built];
  const chunks = outputs.flatMap((one) =>
    'output' in one ? one.output.filter((file) => file.type === 'chunk') : [],
  );
  return {
    modules: chunks.flatMap(({ moduleIds }) => moduleIds).join('\n'),
    code: chunks.map(({ code }) => code).join('\n'),
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
