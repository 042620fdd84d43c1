/** The operators' verbs on jobs, as a user types them. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob } from 'millrace';
import { createProject, expectFailure } from '../helpers/cli.ts';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';

const config = `
import { createMillrace, defineJob } from 'millrace';
import { z } from 'zod';
const mail = defineJob({
  kind: 'mail',
  payload: z.object({ to: z.string() }),
  transaction: true,
  async handler({ to }, { tx, enqueue }) {
    await enqueue(mail, { to: 'copy of ' + to });
    if (to === 'nobody') throw new RangeError('no such user');
    return { delivered: to };
  },
});
export default createMillrace({ jobs: [mail] });
`;

const mail = defineJob({ kind: 'mail', payload: z.object({ to: z.string() }) });

let app: TestMillrace;
let project: ReturnType<typeof createProject>;

beforeAll(async () => {
  app = await createTestMillrace({ jobs: [mail] });
  project = createProject({ 'millrace.config.ts': config });
});

afterAll(async () => {
  project[Symbol.dispose]();
  await app[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await app.database.query('TRUNCATE millrace.job, millrace.job_history');
});

const run = (...args: string[]) =>
  project.run(['jobs', ...args], { env: { DATABASE_URL: app.database.url } });

async function enqueue(count: number, queue = 'default'): Promise<string[]> {
  const made = await app.millrace.enqueueMany(
    Array.from({ length: count }, (_, n) => mail.with({ to: `user ${n}` }, { queue })),
  );
  return made.map(({ id }) => id);
}

const stateOf = async (id: string) => (await app.millrace.get(id))?.state ?? null;

describe('W22: by id', () => {
  it('each job that is named is done, and has its line', async () => {
    const [first = '', second = ''] = await enqueue(2);
    expect(await run('discard', first, second, '--reason', 'no use')).toEqual({
      exitCode: 0,
      stdout: `job ${first} was available, is discarded\njob ${second} was available, is discarded\n`,
      stderr: '',
    });
    expect(await app.millrace.get(first)).toMatchObject({ state: 'discarded', reason: 'no use' });
    expect((await run('retry', first)).stdout).toBe(`job ${first} was discarded, is available\n`);
    expect((await run('reschedule', first, '--delay', '2h')).stdout).toBe(
      `job ${first} was available, is scheduled\n`,
    );
    expect((await run('delete', first)).stdout).toBe(`job ${first} was scheduled, is deleted\n`);
    expect(await stateOf(first)).toBeNull();
  });

  it('edit changes payload, priority and queue, and refuses a payload that the definition does', async () => {
    const [id = ''] = await enqueue(1);
    expectFailure(
      await run('edit', id, '--payload', '{"to":7}'),
      'MILLRACE_PAYLOAD_INVALID',
      'payload.to',
    );
    const changes = ['--payload', '{"to":"ada"}', '--priority', '-4', '--move-to', 'slow'];
    const edited = await run('edit', id, ...changes);
    expect(edited.stdout).toBe(`job ${id} was available, is changed\n`);
    expect(await app.millrace.get(id)).toMatchObject({
      payload: { to: 'ada' },
      priority: -4,
      queue: 'slow',
    });
  });

  it('a job that cannot be done fails the command, and --json says of each what became of it', async () => {
    const [id = ''] = await enqueue(1);
    await app.millrace.cancel(id);
    const answer = await run('reschedule', id, '4711', '--at', '2030-01-31T12:00:00Z', '--json');
    expect(answer.exitCode).toBe(1);
    expect(JSON.parse(answer.stdout)).toEqual({
      verb: 'reschedule',
      dryRun: false,
      matched: 2,
      counts: { finished: 1, missing: 1 },
      complete: true,
      jobs: [
        { id, status: 'finished', state: 'cancelled' },
        { id: '4711', status: 'missing' },
      ],
    });
  });
});

it('run runs one job here, and with --rollback leaves nothing of it', async () => {
  const [id = ''] = await enqueue(1);
  const tried = await run('run', id, '--rollback');
  expect(tried.stdout).toMatch(
    new RegExp(
      `^job ${id} returned after .+; rolled back; it is available, as it was\n.*delivered: 'user 0'`,
    ),
  );
  expect((await app.millrace.list()).jobs).toHaveLength(1);
  expect((await run('run', id)).stdout).toMatch(/; it is completed\n/);
  expect((await app.millrace.list({ state: 'available' })).jobs).toHaveLength(1);
  expectFailure(await run('run', id), 'MILLRACE_JOB_FINISHED', 'completed');
  const { id: hopeless } = await app.millrace.enqueue(mail, { to: 'nobody' });
  const failed = await run('run', hopeless);
  expect(failed.exitCode).toBe(1);
  expect(failed.stdout).toMatch(/failed after[^]*RangeError: no such user\n {4}at /);
});

describe('all that match', () => {
  it('need --dry-run, which changes nothing, or --yes', async () => {
    const ids = await enqueue(7, 'bulk');
    await enqueue(2);
    expectFailure(await run('cancel', '--queue', 'bulk'), 'MILLRACE_ARGUMENT_INVALID', '--dry-run');
    expectFailure(await run('cancel', '--yes'), 'MILLRACE_ARGUMENT_INVALID', '--all');
    expect(await run('cancel', '--queue', 'bulk', '--dry-run')).toEqual({
      exitCode: 0,
      stdout: '7 jobs match: 7 would be cancelled. Nothing was changed.\n',
      stderr: '',
    });
    expect(await stateOf(ids[0] ?? '')).toBe('available');
    expect(await run('cancel', '--queue', 'bulk', '--yes', '--chunk', '2')).toEqual({
      exitCode: 0,
      stdout: '7 jobs match: 7 cancelled.\n',
      stderr: '',
    });
    expect((await app.millrace.list({ state: 'available' })).jobs).toHaveLength(2);
  });

  it('are named by every filter that list knows', async () => {
    await enqueue(3);
    const filter = ['--payload-contains', '{"to":"user 1"}', '--newer-than', '1h', '--kind=mail'];
    const listed = await run('list', ...filter, '--json');
    expect(JSON.parse(listed.stdout)).toMatchObject({ jobs: [{ payload: { to: 'user 1' } }] });
    const removed = await run('delete', ...filter, '--state=available', '--yes', '--timing');
    expect(removed.stdout).toBe('1 job matches: 1 deleted.\n');
    expect(removed.stderr).toMatch(
      /^timing: imports \d+ ms, configuration \d+ ms, command \d+ ms\n$/,
    );
    expect((await app.millrace.list()).jobs).toHaveLength(2);
  });
});
