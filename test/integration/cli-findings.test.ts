import { expect, it } from 'vitest';
import { createProject, expectFailure } from '../helpers/cli.ts';
import { createTestDatabase } from '../helpers/database.ts';

const sound = `
import { createMillrace, defineJob, every } from 'millrace';
const tidyUp = defineJob({ kind: 'tidy-up', schedule: every('1h'), handler() {} });
export default createMillrace({ jobs: [tidyUp] });
`;

it('doctor names what mends a fault and ends with 1, as one document with --json, and with 0 once it is mended', async () => {
  await using database = await createTestDatabase();
  using project = createProject();
  const env = { DATABASE_URL: database.url };
  // A copy of the template is not at home.
  await database.query('DELETE FROM millrace.home; DROP INDEX millrace.job_unique');

  const shown = await project.run(['doctor'], { env });
  expect(shown).toMatchObject({ exitCode: 1, stderr: '' });
  expect(shown.stdout).toMatch(
    /^problem {2}indexes: The index job_unique is missing\.\n +mend: CREATE UNIQUE INDEX CONCURRENTLY .+;\n/,
  );
  const { exitCode, stdout } = await project.run(['doctor', '--json'], { env });
  const answer = JSON.parse(stdout) as { ok: boolean; findings: { mend: string }[] };
  expect({ exitCode, ...answer }).toMatchObject({ exitCode: 1, ok: false });

  await database.query(answer.findings[0]?.mend ?? '');
  // The server of the tests is tuned for speed: fsync is off, which is a warning.
  const [mended, strict] = await Promise.all([
    project.run(['doctor'], { env }),
    project.run(['doctor', '--strict'], { env }),
  ]);
  expect(mended).toMatchObject({ exitCode: 0, stderr: '' });
  expect(mended.stdout).toMatch(/^warning {2}settings: fsync is off/);
  expect(strict).toEqual({ ...mended, exitCode: 1 });
});

it('check needs no database: sound configuration ends with 0, a problem with 1, a warning with 1 only if --strict', async () => {
  using project = createProject({
    'millrace.config.ts': sound,
    'no-handler.ts': sound.replace(', handler() {}', ''),
    'broken.ts': sound.replace("'1h'", "'soon'"),
  });
  const [fine, warned, strict, broken, missing] = await Promise.all([
    project.run(['check']),
    project.run(['check', '--config', 'no-handler.ts']),
    project.run(['check', '--config', 'no-handler.ts', '--strict']),
    project.run(['check', '--config', 'broken.ts', '--json']),
    project.run(['check', '--config', 'nowhere.ts']),
  ]);
  expect(fine).toEqual({
    exitCode: 0,
    stdout: 'Configuration, definitions and schedules are in order.\n',
    stderr: '',
  });
  expect(warned).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^warning {2}handlers: 'tidy-up' has/) as string,
  });
  expect(strict.exitCode).toBe(1);
  expect(broken.exitCode).toBe(1);
  expect(JSON.parse(broken.stdout)).toMatchObject({
    ok: false,
    findings: [
      {
        severity: 'problem',
        check: 'configuration',
        message: expect.stringContaining('soon') as string,
      },
    ],
  });
  expectFailure(missing, 'MILLRACE_CONFIG_MISSING', 'nowhere.ts');
});
