import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineJob, type Job } from 'millrace';
import { isolated, type Deed } from '../fixtures/isolated.ts';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { until } from '../helpers/until.ts';

let app: TestMillrace;
const lines: object[] = [];
const quiet = () => {};

beforeAll(async () => {
  const info = (details: object) => void lines.push(details);
  const logger = { debug: quiet, info, warn: quiet, error: quiet };
  app = await createTestMillrace({ jobs: [isolated], logger });
});

afterAll(async () => {
  await app[Symbol.asyncDispose]();
});

async function run(does: Deed['does'], timeout?: '300ms'): Promise<Job | null> {
  const { id } = await app.millrace.enqueue(isolated, { does }, timeout && { timeout });
  await app.millrace.createWorker().tick();
  return app.millrace.get(id);
}

/** The process that ran the job says so in its line of the log. */
function pidOf(id: string): number | undefined {
  const line = lines.find((each) => 'pid' in each && 'id' in each && each.id === id);
  return line !== undefined && 'pid' in line ? Number(line.pid) : undefined;
}

/** One whose parent has not looked yet, or never will, is gone too. */
function isGone(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

describe('an isolated job', () => {
  it('runs outside the worker, in a process that the next one uses again, and its lines are those of the job', async () => {
    const [first, second] = [await run('add'), await run('add')];
    expect(first).toMatchObject({ state: 'completed', result: { parent: process.pid } });
    expect(pidOf(first?.id ?? '')).toBe(pidOf(second?.id ?? ''));
    expect(pidOf(first?.id ?? '')).not.toBe(process.pid);
  });

  it('fails with the error that its handler threw', async () => {
    const error = { name: 'TypeError', message: 'no', code: 'E_NO' };
    expect(await run('throw')).toMatchObject({ attempts: [{ error }] });
  });

  it.each([
    ['exit', 'exit code 3'],
    ['segfault', 'SIGSEGV'],
    ['abort', 'SIGABRT'],
    ['grow', 'more than 64 MiB'],
  ] as const)(
    'that ends its process by %s fails alone, and the worker goes on',
    async (does, how) => {
      const beside = await app.millrace.enqueue(isolated, { does: 'add' });
      const job = await run(does);
      expect(job).toMatchObject({
        state: 'discarded',
        crashes: 0,
        attempts: [{ error: { code: 'MILLRACE_ISOLATE_DIED' } }],
      });
      expect(job?.attempts[0]?.error?.message).toContain(how);
      expect(await app.millrace.get(beside.id)).toMatchObject({ state: 'completed' });
    },
  );

  it.each(['block', 'wait'] as const)(
    'that would %s for ever fails at its timeout, and its process is gone',
    async (does) => {
      const job = await run(does, '300ms');
      expect(job).toMatchObject({ attempts: [{ error: { code: 'MILLRACE_ATTEMPT_TIMEOUT' } }] });
      const pid = pidOf(job?.id ?? '') ?? 0;
      await until('it is gone', () => isGone(pid));
    },
  );

  it('that blocks its event loop is cancelled all the same', async () => {
    const { id } = await app.millrace.enqueue(isolated, { does: 'block' });
    const ended = app.millrace.createWorker().tick();
    await until('it runs', () => pidOf(id) !== undefined);
    await app.millrace.cancel(id);
    await ended;
    expect(await app.millrace.get(id)).toMatchObject({ state: 'cancelled' });
  });

  it('cannot be transactional, nor live in a module that is no file', () => {
    const refused = expect.objectContaining({ code: 'MILLRACE_OPTION_INVALID' }) as unknown;
    const module = import.meta.url;
    expect(() => defineJob({ kind: 'x', transaction: true, isolate: { module } })).toThrow(refused);
    expect(() => defineJob({ kind: 'x', isolate: { module: 'resize' } })).toThrow(refused);
  });
});
