import { expect, it } from 'vitest';
import { createProject, expectFailure } from '../helpers/cli.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { until } from '../helpers/until.ts';

const config = `
import { createMillrace, defineJob, every } from 'millrace';
const mail = defineJob({ kind: 'mail', queue: 'mail', schedule: { at: every('1h'), name: 'hourly' }, handler() {} });
export default createMillrace({ jobs: [mail], logger: false });
`;

it('W22: queues, schedules, workers, stats and tail show on the command line what runs, for people and as JSON', async () => {
  await using database = await createTestDatabase();
  using project = createProject({ 'millrace.config.ts': config });
  const env = { DATABASE_URL: database.url };
  const run = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await project.run(args, { env });
    expect({ args, exitCode, stderr }).toEqual({ args, exitCode: 0, stderr: '' });
    return stdout;
  };
  const read = async (...args: string[]) => JSON.parse(await run(...args, '--json')) as unknown;
  expect(await run('queues')).toBe('No queues: there are no unfinished jobs and no workers.\n');

  const started = project.start(['start'], { env });
  await started.printed('started');
  const tail = project.start(['tail', '--json', '--kind', 'mail'], { env });
  const ids: string[] = [];
  await until('tail has begun', async () => {
    ids.push(((await read('schedules', 'run', 'hourly', '--by', 'ada')) as { id: string }).id);
    return tail.stdout().includes('"completed"');
  });

  const [queues, queuesText, workersText, workers, stats] = await Promise.all([
    read('queues'),
    run('queues'),
    run('workers'),
    read('workers', '--dead'),
    run('stats'),
  ]);
  expect(queues).toMatchObject({
    queues: [{ queue: 'mail', workers: 1, available: { exact: true } }],
  });
  expect(queuesText).toMatch(/^queue +available +running .*\nmail +0 /);
  expect(workersText).toMatch(/^process +role .*\n(?:.*\n)*.*:\d+ +worker +.* ok\n/);
  expect(workers).toMatchObject({ live: [{}, {}], dead: [] });
  expect(stats).toMatch(/\ncompleted +\d+\n(?:.*\n)*mail +/);

  await run('schedules', 'pause', 'hourly', '--reason', 'holidays', '--by', 'ada');
  expect(await run('schedules')).toMatch(
    /hourly +mail +every 1h .*ada.* paused .* by ada: holidays\n$/,
  );
  expect(await read('schedules')).toMatchObject({
    schedules: [{ paused: { by: 'ada' }, lastRun: { by: 'ada' } }],
  });
  expect(await run('schedules', 'resume', 'hourly')).toBe('resumed schedule hourly\n');
  expectFailure(
    await project.run(['schedules', 'resume', 'hurly'], { env }),
    'MILLRACE_SCHEDULE_UNKNOWN',
    "'hourly'",
  );
  expectFailure(
    await project.run(['schedules', 'pause', 'hourly'], { env }),
    'MILLRACE_ARGUMENT_INVALID',
    '--reason',
  );

  tail.process.kill('SIGINT');
  const { exitCode, stdout, stderr } = await tail.ended;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; event: string });
  expect(lines.at(-1)).toMatchObject({ kind: 'mail', queue: 'mail' });
  expect(ids).toContain(lines.find(({ event }) => event === 'completed')?.id);
  started.process.kill('SIGTERM');
  await started.ended;
}, 120_000);
