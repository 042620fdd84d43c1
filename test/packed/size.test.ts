import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDevDatabase } from '@millrace/dev-db';
import { expect, it } from 'vitest';
import { pathIn, runIn } from './packed.ts';

/** Of an installation of `millrace`, with its dependencies and without optional peers: the bytes of all files. */
const mostBytes = 3_000_000;

/** The sum of what the files hold; what a disk needs for them depends on the disk. */
function bytesIn(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return files
    .filter((file) => file.isFile())
    .reduce((bytes, file) => bytes + statSync(join(file.parentPath, file.name)).size, 0);
}

it('what `npm install millrace` brings holds at most 3 MB, with all dependencies', () => {
  const modules = pathIn('alone/node_modules');
  const all = bytesIn(modules);
  const packages = readdirSync(modules).filter((name) => !name.startsWith('.'));
  const largest = packages
    .map((name) => ({ name, bytes: bytesIn(join(modules, name)) }))
    .toSorted((one, other) => other.bytes - one.bytes)
    .slice(0, 5);
  console.log(
    `node_modules after npm install millrace: ${all} bytes in ${packages.length} packages; of them ${largest
      .map(({ name, bytes }) => `${name} ${bytes}`)
      .join(', ')}`,
  );
  expect(all).toBeLessThanOrEqual(mostBytes);
});

it('millrace depends on pg, croner and commander, and on nothing else', () => {
  const file = pathIn('alone/node_modules/millrace/package.json');
  const { dependencies } = JSON.parse(readFileSync(file, 'utf8')) as { dependencies: object };
  expect(Object.keys(dependencies).toSorted()).toEqual(['commander', 'croner', 'pg']);
});

it('whoever imports `millrace` and enqueues loads pg and croner, and nothing else', async () => {
  await using database = await startDevDatabase({ ephemeral: true, fast: true });
  const program = `
    import { isBuiltin, registerHooks } from 'node:module';
    const loaded = new Set();
    registerHooks({
      resolve(specifier, context, next) {
        const isOurs = /node_modules\\/millrace\\/dist\\//.test(context.parentURL ?? '');
        if (isOurs && !specifier.startsWith('.') && !isBuiltin(specifier)) loaded.add(specifier);
        return next(specifier, context);
      },
    });
    const { createMillrace, defineJob } = await import('millrace');
    const job = defineJob({ kind: 'job', handler: () => 'done' });
    const millrace = createMillrace({ jobs: [job], logger: false });
    await millrace.migrate();
    const { id } = await millrace.enqueue(job);
    await millrace.createWorker().tick();
    const { state } = await millrace.get(id);
    await millrace.close();
    console.log(JSON.stringify({ state, loaded: [...loaded].toSorted() }));`;
  const args = ['--input-type=module', '--eval', program];
  const { stdout, stderr } = runIn(pathIn('alone'), process.execPath, args, {
    DATABASE_URL: database.url,
  });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({ state: 'completed', loaded: ['croner', 'pg'] });
});

it('without prom-client `millrace start --listen` serves health, and says that there are no metrics', async () => {
  await using database = await startDevDatabase({ ephemeral: true, fast: true });
  const folder = pathIn('alone');
  writeFileSync(
    join(folder, 'millrace.config.mjs'),
    `import { createMillrace, defineJob } from 'millrace';
    export default createMillrace({ jobs: [defineJob({ kind: 'job', handler() {} })] });`,
  );
  const env = { ...process.env, DATABASE_URL: database.url };
  const program = join(folder, 'node_modules/millrace/dist/cli/main.js');
  const asked = { cwd: folder, env };
  execFileSync(process.execPath, [program, 'migrate'], asked);
  const child = spawn(process.execPath, [program, 'start', '--listen', '0'], asked);
  try {
    let said = '';
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (/started, pid/.test(said)) break;
    }
    expect(said).toContain('no /metrics: prom-client is not installed (npm install prom-client)');
    const [, origin] = /health at (http:\/\/[^/]+)\/readyz/.exec(said) ?? [];
    expect((await fetch(`${origin}/readyz`)).status).toBe(200);
    expect((await fetch(`${origin}/metrics`)).status).toBe(404);
  } finally {
    child.kill();
    await once(child, 'exit');
  }
});
