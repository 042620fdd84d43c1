import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { createProject } from '../helpers/cli.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { until } from '../helpers/until.ts';

const folder = resolve(import.meta.dirname, '../../docs/examples/tutorial');
const read = (name: string) => readFileSync(join(folder, name), 'utf8');

it('the tutorial leads to a job that fails once and completes, and to one that an order brings along', async () => {
  await using database = await createTestDatabase();
  const files = ['millrace.config.ts', 'shop.ts'];
  using project = createProject(Object.fromEntries(files.map((name) => [name, read(name)])));
  const env = { DATABASE_URL: database.url };
  const worker = project.start(['start'], { env });

  const enqueued = await project.run(['enqueue', 'pack-order', '{"item":"chair"}'], { env });
  expect(enqueued).toMatchObject({ exitCode: 0 });
  const show = () => project.run(['jobs', 'show', '1'], { env });
  await until('it is packed', async () => (await show()).stdout.includes('chair is packed'), 250);
  const { stdout } = await show();
  expect(stdout).toContain('there is no box for the chair');
  expect(stdout).toContain('completed');

  const refused = await project.run(['enqueue', 'pack-order', '{"item":7}'], { env });
  expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
  expect(refused.stderr).toContain('MILLRACE_PAYLOAD_INVALID');

  const shop = execFileSync(process.execPath, ['--conditions=@millrace/source', 'shop.ts'], {
    cwd: project.directory,
    env,
    encoding: 'utf8',
  });
  expect(shop).toMatch(/^order and job \d+, or neither of them\n$/);
  expect(await database.query('SELECT item FROM orders')).toEqual([{ item: 'lamp' }]);
  expect(await database.query(`SELECT kind FROM millrace.jobs`)).toHaveLength(2);

  worker.process.kill('SIGTERM');
  expect(await worker.ended).toMatchObject({ exitCode: 0 });
});
