import { expect, it } from 'vitest';
import { defineJob } from 'millrace';
import { createProject, expectFailure } from '../helpers/cli.ts';
import { createTestMillrace } from '../helpers/millrace.ts';

it('pauses a queue, says why a job of it waits, and resumes it, as text and as JSON', async () => {
  const job = defineJob({ kind: 'send', queue: 'mail' });
  await using app = await createTestMillrace({ jobs: [job] });
  using project = createProject();
  const run = (...args: string[]) => project.run(args, { env: { DATABASE_URL: app.database.url } });
  const { id } = await app.millrace.enqueue(job);

  const reason = 'the mail server is down';
  const paused = await run('queues', 'pause', 'mail', '--reason', reason, '--by', 'ann');
  expect(paused.stdout).toBe(`Queue 'mail' is paused: ${reason}\n`);
  const [again, text, json, missing, unexplained] = await Promise.all([
    run('queues', 'pause', 'mail', '--reason', 'another', '--json'),
    run('why', id),
    run('why', id, '--json'),
    run('why', '999999'),
    run('queues', 'pause', 'mail'),
  ]);
  expect(JSON.parse(again.stdout)).toMatchObject({
    status: 'already',
    pause: { queue: 'mail', by: 'ann', reason },
  });
  expect(text.stdout).toMatch(
    /^Queue 'mail' was paused .+ ago by ann: the mail server is down\.\n[^]+pausedBy +ann/,
  );
  expect(JSON.parse(json.stdout)).toMatchObject({
    id,
    code: 'queue_paused',
    evidence: { queue: 'mail', pausedBy: 'ann', reason },
  });
  expectFailure(missing, 'MILLRACE_JOB_NOT_FOUND');
  expectFailure(unexplained, 'MILLRACE_ARGUMENT_INVALID', 'reason');

  const resumed = await run('queues', 'resume', 'mail', '--json');
  expect(JSON.parse(resumed.stdout)).toMatchObject({ status: 'resumed', pause: { by: 'ann' } });
  expect((await run('queues', 'resume', 'mail')).stdout).toBe(`Queue 'mail' is not paused.\n`);
}, 120_000);
