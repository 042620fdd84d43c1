import { expect, it } from 'vitest';
import { createProject, expectFailure, type CliResult } from '../helpers/cli.ts';
import { createTestDatabase } from '../helpers/database.ts';

const config = `
import { createMillrace, defineJob } from 'millrace';
import { z } from 'zod';

const sendMail = defineJob({
  kind: 'send-mail',
  payload: z.object({ to: z.string(), fail: z.boolean().optional() }),
  retry: { type: 'delays', delaysMs: [3_600_000], jitter: 0, from: 'now' },
  async handler({ to, fail }) {
    if (fail) throw new RangeError('mailbox \\u001b[31mfull');
    return { delivered: to };
  },
});

const hang = defineJob({
  kind: 'hang',
  async handler(_payload, { id }) {
    console.log('hanging in ' + id);
    await new Promise(() => {});
  },
});

export default createMillrace({ jobs: [sendMail, hang] });
`;

const files = { 'millrace.config.ts': config };

async function openProject() {
  const database = await createTestDatabase();
  const project = createProject(files);
  const env = { DATABASE_URL: database.url };
  return {
    env,
    project,
    database,
    async [Symbol.asyncDispose]() {
      project[Symbol.dispose]();
      await database.drop();
    },
  };
}

/** The one document that a command printed. */
function parsed({ exitCode, stdout, stderr }: CliResult): Record<string, unknown> {
  if (exitCode !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

it('W22: a job is enqueued, listed and shown from the command line, with every value it was given', async () => {
  await using setting = await openProject();
  const { project, env } = setting;
  const enqueued = parsed(
    await project.run(
      [
        'enqueue',
        'send-mail',
        '{"to":"ada"}',
        '--json',
        '--delay=1h',
        '--priority',
        '-3',
        '--queue',
        'mail',
      ].concat(['--max-attempts', '7', '--tag', 'a', 'b', '--unique-key', 'k1']),
      { env },
    ),
  );
  expect(enqueued).toEqual({ status: 'created', id: expect.stringMatching(/^\d+$/) as string });
  const id = String(enqueued['id']);

  const again = await project.run(
    ['enqueue', 'send-mail', '-', '--queue=mail', '--unique-key=k1'],
    {
      env,
      input: '{"to":"bob"}',
    },
  );
  expect(again).toEqual({
    exitCode: 0,
    stdout: `job ${id} has this unique key already\n`,
    stderr: '',
  });

  expect(parsed(await project.run(['jobs', 'show', id, '--json'], { env }))).toMatchObject({
    id,
    kind: 'send-mail',
    state: 'scheduled',
    queue: 'mail',
    priority: -3,
    maxAttempts: 7,
    tags: ['a', 'b'],
    uniqueKey: 'k1',
    payload: { to: 'ada' },
  });
  const shown = await project.run(['jobs', 'show', id], { env });
  expect(shown.stdout).toMatch(
    /queue +mail\n[^]*due +\d{4}-.+\(in \d+m[^]*Payload\n {2}\{\n {4}"to": "ada"/,
  );

  const list = await project.run(['jobs', 'list'], { env });
  expect(list.stdout).toMatch(
    new RegExp(
      `^id +kind +state +queue +attempt +when\n${id} +send-mail +scheduled +mail +0/7 +due in \\d+m`,
    ),
  );
});

it('jobs list filters by state, kind and queue, and goes on at a cursor', async () => {
  await using setting = await openProject();
  const { project, env } = setting;
  for (const args of [
    ['hang'],
    ['hang', '{}', '--queue=q'],
    ['send-mail', '{"to":"x"}', '--delay=1h'],
  ]) {
    expect((await project.run(['enqueue', ...args], { env })).exitCode).toBe(0);
  }
  const list = async (...args: string[]) =>
    parsed(await project.run(['jobs', 'list', '--json', ...args], { env })) as {
      jobs: { kind: string }[];
      cursor: string | null;
    };
  const kinds = async (...args: string[]) => (await list(...args)).jobs.map(({ kind }) => kind);
  expect(await kinds('--kind=hang')).toEqual(['hang', 'hang']);
  expect(await kinds('--queue=q')).toEqual(['hang']);
  expect(await kinds('--state=scheduled,completed')).toEqual(['send-mail']);
  const first = await list('--limit=2');
  expect(first.jobs).toHaveLength(2);
  const rest = await list('--limit=2', `--cursor=${first.cursor}`);
  expect(rest).toMatchObject({ jobs: { length: 1 }, cursor: null });
  const empty = await project.run(['jobs', 'list', '--state', 'completed'], { env });
  expect(empty).toEqual({ exitCode: 0, stdout: 'No jobs.\n', stderr: '' });
});

it('migrate needs DATABASE_URL alone; its --sql, run by hand, leaves nothing for it to do', async () => {
  await using database = await createTestDatabase({ template: 'template0' });
  using project = createProject();
  const env = { DATABASE_URL: database.url };
  const names = parsed(await project.run(['migrate', '--dry-run', '--json'], { env }))['pending'];
  expect(names).toEqual(expect.arrayContaining(['0001-init']));
  expect((await project.run(['migrate', '--dry-run'], { env })).stdout).toContain(
    'pending 0001-init\n',
  );

  const { stdout: sql } = await project.run(['migrate', '--sql'], { env });
  await database.query(sql);
  expect(parsed(await project.run(['migrate', '--json'], { env }))).toEqual({ applied: [] });
  expect((await project.run(['jobs', 'list'], { env })).stdout).toBe('No jobs.\n');
});

it('migrate applies what is missing and names it', async () => {
  await using database = await createTestDatabase({ template: 'template0' });
  using project = createProject();
  const env = { DATABASE_URL: database.url };
  expect((await project.run(['migrate'], { env })).stdout).toMatch(/^applied 0001-init$/m);
  expect((await project.run(['migrate'], { env })).stdout).toBe('The schema is up to date.\n');
});

it('start runs jobs until SIGTERM and exits with 0; show prints errors without steering the terminal', async () => {
  await using setting = await openProject();
  const { project, env } = setting;
  const enqueue = async (payload: string) =>
    String(parsed(await project.run(['enqueue', 'send-mail', payload, '--json'], { env }))['id']);
  const [good, bad] = [await enqueue('{"to":"ada"}'), await enqueue('{"to":"bob","fail":true}')];
  const started = project.start(['start', '--json'], { env });
  await waitForState(setting, good, 'completed');
  await waitForState(setting, bad, 'retryable');
  started.process.kill('SIGTERM');
  const end = await started.ended;
  expect(end.exitCode).toBe(0);
  expect(parsed(end)).toEqual({ roles: ['worker', 'scheduler'], givenBack: 0 });

  expect(parsed(await project.run(['jobs', 'show', good, '--json'], { env }))).toMatchObject({
    result: { delivered: 'ada' },
  });
  const { stdout } = await project.run(['jobs', 'show', bad], { env });
  expect(stdout).toMatch(
    /Attempts\n {2}1\. failed (now|\d+s ago) after \d+.*\n {4}RangeError: mailbox /,
  );
  expect(stdout).not.toContain('\u001B');
});

it('start exits with 1 and says so when jobs had to be given back', async () => {
  await using setting = await openProject();
  const { project, env } = setting;
  const id = String(parsed(await project.run(['enqueue', 'hang', '--json'], { env }))['id']);
  const started = project.start(['start', '--role=worker', '--stop-grace=100ms'], { env });
  await started.printed(`hanging in ${id}`);
  started.process.kill('SIGTERM');
  const { exitCode, stdout } = await started.ended;
  expect(stdout).toContain('unfinished jobs given back: 1');
  expect(exitCode).toBe(1);
  await waitForState(setting, id, 'available');
});

it('the payload of a protobuf job is written as ProtoJSON', async () => {
  await using setting = await openProject();
  const { project, env } = setting;
  project.write({
    'millrace.config.ts': `
      import { TimestampSchema } from '@bufbuild/protobuf/wkt';
      import { createMillrace, defineJob } from 'millrace';
      import { protobuf } from 'millrace/protobuf';
      export default createMillrace({
        jobs: [defineJob({ kind: 'remind', payload: protobuf(TimestampSchema), handler() {} })],
      });`,
  });
  const { id } = parsed(
    await project.run(['enqueue', 'remind', '"2030-01-31T12:00:00.000000001Z"', '--json'], { env }),
  );
  expect(parsed(await project.run(['jobs', 'show', String(id), '--json'], { env }))).toMatchObject({
    payload: '2030-01-31T12:00:00.000000001Z',
  });
  const failed = await project.run(['enqueue', 'remind', '"tomorrow"'], { env });
  expectFailure(failed, 'MILLRACE_PAYLOAD_INVALID', 'google.protobuf.Timestamp');
});

it('a configuration may export a function or a promise, and come from another copy of the package', async () => {
  await using setting = await openProject();
  const { project, env } = setting;
  project.copyPackage('copy');
  project.write({
    'promise.config.mts': config.replace(
      'export default create',
      'export default async () => create',
    ),
    'copy.config.mts': config.replace(`'millrace'`, `'./copy/src/index.ts'`),
  });
  for (const file of ['promise.config.mts', 'copy.config.mts']) {
    const { exitCode, stdout } = await project.run(['--config', file, 'enqueue', 'hang'], { env });
    expect({ file, stdout, exitCode }).toEqual({
      file,
      stdout: expect.stringMatching(/^enqueued job \d+\n$/) as string,
      exitCode: 0,
    });
  }
});

it('help and version print on stdout and exit with 0', async () => {
  using project = createProject();
  const version = await project.run(['--version']);
  expect(version).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
  });
  const help = await project.run(['help']);
  expect(help.exitCode).toBe(0);
  for (const verb of ['dev', 'start', 'migrate', 'enqueue', 'jobs'])
    expect(help.stdout).toContain(`\n  ${verb}`);
  const ofVerb = await project.run(['enqueue', '--help']);
  expect(ofVerb.stdout).toMatch(/--unique-key[^]*Global Options:[^]*--json/);
});

async function waitForState(
  { database }: Awaited<ReturnType<typeof openProject>>,
  id: string,
  state: string,
): Promise<void> {
  await expect
    .poll(() => database.query('SELECT state FROM millrace.jobs WHERE id = $1', [id]), {
      timeout: 20_000,
      interval: 20,
    })
    .toEqual([{ state }]);
}
