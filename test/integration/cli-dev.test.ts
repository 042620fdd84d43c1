import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, it, vi } from 'vitest';
import { createProject, expectFailure } from '../helpers/cli.ts';
import { createTestDatabase } from '../helpers/database.ts';

// A new database is written to the disk for good, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

const config = `
import { createMillrace, defineJob, every } from 'millrace';
const hello = defineJob({ kind: 'hello', schedule: every('1h'), handler: async () => 'done' });
const fail = defineJob({ kind: 'fail', maxAttempts: 1, handler: async () => { throw new Error('as planned'); } });
export default createMillrace({ jobs: [hello, fail] });
`;

it('dev runs a database, jobs and schedules; a second terminal in the same folder finds the database', async () => {
  using project = createProject({ 'millrace.config.ts': config });
  const dev = project.start(['dev']);
  await dev.printed('Ctrl-C');
  expect(dev.stdout()).toMatch(/database +postgres:.*\.millrace\/postgres/);
  expect(dev.stdout()).toMatch(/schema +migrated: 0001-init/);
  expect(dev.stdout()).toMatch(
    /jobs +hello, fail\n.*hello \(every 1h\)\n.*npx millrace enqueue hello/,
  );

  const { stdout } = await project.run(['enqueue', 'fail', '--json']);
  const { id } = JSON.parse(stdout) as { id: string };
  await dev.printed(new RegExp(`discarded +fail ${id} .*attempt 1.*Error: as planned`));
  const shown = await project.run(['jobs', 'show', id, '--json']);
  expect(JSON.parse(shown.stdout)).toMatchObject({ id, state: 'discarded' });

  const file = join(project.directory, '.millrace/connection.json');
  const { url } = JSON.parse(readFileSync(file, 'utf8')) as { url: string };
  dev.process.kill('SIGINT');
  expect(await dev.ended).toMatchObject({ exitCode: 0 });
  expect(existsSync(file)).toBe(false);
  await expect(new Client({ connectionString: url }).connect()).rejects.toThrow(
    /ENOENT|ECONNREFUSED/,
  );
  expectFailure(await project.run(['jobs', 'list']), 'MILLRACE_DB_MISSING', 'DATABASE_URL');
});

it('dev without a configuration shows an example, and the example works', async () => {
  using project = createProject({ 'package.json': '{}' });
  const empty = project.start(['dev']);
  await empty.printed('createMillrace({');
  const [, example = ''] = /(import .*millrace';[^]*)$/.exec(empty.stdout()) ?? [];
  expect(empty.stdout()).toContain('millrace.config.mts');
  empty.process.kill('SIGTERM');
  expect(await empty.ended).toMatchObject({ exitCode: 0, stderr: '' });

  project.write({ 'millrace.config.mts': example });
  const dev = project.start(['dev', '--json']);
  await dev.printed('"kinds"');
  const enqueued = await project.run(['enqueue', 'hello', '--json']);
  const { id } = JSON.parse(enqueued.stdout) as { id: string };
  await expect
    .poll(
      async () => JSON.parse((await project.run(['jobs', 'show', id, '--json'])).stdout) as unknown,
    )
    .toMatchObject({ state: 'completed', result: `Hello from job ${id}` });
  dev.process.kill('SIGINT');
  const { exitCode, stdout } = await dev.ended;
  expect(JSON.parse(stdout)).toMatchObject({ kinds: ['hello'], schedules: [] });
  expect(exitCode).toBe(0);
});

it('dev uses DATABASE_URL where it is set, and starts nothing of its own', async () => {
  await using database = await createTestDatabase({ template: 'template0' });
  using project = createProject({ 'millrace.config.ts': config });
  const dev = project.start(['dev'], { env: { DATABASE_URL: database.url } });
  await dev.printed('Ctrl-C');
  expect(existsSync(join(project.directory, '.millrace'))).toBe(false);
  const schemas = await database.query(
    `SELECT 1 AS found FROM pg_namespace WHERE nspname = 'millrace'`,
  );
  expect(schemas).toEqual([{ found: 1 }]);
  dev.process.kill('SIGINT');
  expect(await dev.ended).toMatchObject({ exitCode: 0 });
});

it('a connection file whose server is gone is ignored', async () => {
  using project = createProject();
  const address = { path: join(project.directory, '.s.PGSQL.5432') };
  project.write({ '.millrace/connection.json': JSON.stringify({ url: 'postgres://x', address }) });
  expectFailure(await project.run(['jobs', 'list']), 'MILLRACE_DB_MISSING');
  project.write({ '.millrace/connection.json': '{"url":' });
  expectFailure(await project.run(['jobs', 'list']), 'MILLRACE_DB_MISSING');
});

it('dev says what to install when it has neither DATABASE_URL nor @millrace/dev-db', async () => {
  using project = createProject();
  const hide = `
    import { registerHooks } from 'node:module';
    registerHooks({
      resolve(specifier, context, next) {
        if (specifier !== '@millrace/dev-db') return next(specifier, context);
        throw Object.assign(new Error('hidden'), { code: 'ERR_MODULE_NOT_FOUND' });
      },
    });`;
  const failed = await project.run(['dev'], {
    node: ['--import', `data:text/javascript,${encodeURIComponent(hide)}`],
  });
  expectFailure(failed, 'MILLRACE_DEV_DB_MISSING', 'npm install -D @millrace/dev-db');
});
