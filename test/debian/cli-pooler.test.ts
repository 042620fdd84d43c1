import { expect, it } from 'vitest';
import { createProject, expectFailure } from '../helpers/cli.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { pgbouncerProgram, startPgBouncer } from '../helpers/pgbouncer.ts';

const config = `
import { createMillrace, defineJob } from 'millrace';
const hello = defineJob({ kind: 'hello', handler: async () => 'done' });
export default createMillrace({ jobs: [hello], directConnection: process.env.DIRECT_URL });
`;

it('C5: start refuses PgBouncer as direct connection, and works behind it with a direct one beside it', async ({
  skip,
}) => {
  skip(pgbouncerProgram === undefined, 'PgBouncer is not installed');
  await using database = await createTestDatabase();
  await using pooler = await startPgBouncer(database.url);
  using project = createProject({ 'millrace.config.ts': config });
  const pooled = { DATABASE_URL: pooler.url };
  expectFailure(
    await project.run(['start'], { env: pooled }),
    'MILLRACE_DB_POOLER',
    'directConnection',
  );

  const env = { ...pooled, DIRECT_URL: database.url };
  const { stdout } = await project.run(['enqueue', 'hello', '--json'], { env });
  const { id } = JSON.parse(stdout) as { id: string };
  const started = project.start(['start'], { env });
  await expect
    .poll(() => database.query('SELECT state FROM millrace.jobs WHERE id = $1', [id]), {
      timeout: 20_000,
    })
    .toEqual([{ state: 'completed' }]);
  started.process.kill('SIGTERM');
  expect(await started.ended).toMatchObject({ exitCode: 0 });
});
