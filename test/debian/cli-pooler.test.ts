import { expect, it } from 'vitest';
import { createProject } from '../helpers/cli.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { pgbouncerProgram, startPgBouncer } from '../helpers/pgbouncer.ts';

const config = `
import { createMillrace, defineJob } from 'millrace';
const hello = defineJob({ kind: 'hello', handler: async () => 'done' });
export default createMillrace({ jobs: [hello], directConnection: process.env.DIRECT_URL });
`;

it.skipIf(pgbouncerProgram === undefined).each([
  ['without a direct connection, and says what is lost', undefined],
  ['with a direct one beside it, and says nothing', 'direct'],
])('C5: start works behind PgBouncer %s', async (_, direct) => {
  await using database = await createTestDatabase();
  await using pooler = await startPgBouncer(database.url);
  using project = createProject({ 'millrace.config.ts': config });
  const env = {
    DATABASE_URL: pooler.url,
    ...(direct !== undefined && { DIRECT_URL: database.url }),
  };
  const { stdout } = await project.run(['enqueue', 'hello', '--json'], { env });
  const { id } = JSON.parse(stdout) as { id: string };
  const started = project.start(['start'], { env });
  await expect
    .poll(() => database.query('SELECT state FROM millrace.jobs WHERE id = $1', [id]))
    .toEqual([{ state: 'completed' }]);
  // Whoever stops at once may be gone before the listener has found out.
  if (direct === undefined) await started.printed('notifications are lost');
  started.process.kill('SIGTERM');
  const { exitCode, stderr } = await started.ended;
  expect(exitCode).toBe(0);
  if (direct === undefined) {
    expect(stderr).toMatch(/through a pooler: .*15 s instead of 2.*polling.*directConnection/);
    expect(stderr).toMatch(/MILLRACE_DB_POOLER.*notifications are lost/);
  } else {
    expect(stderr).toBe('');
  }
});
