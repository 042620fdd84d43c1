import { MillraceError } from '../core/errors.ts';
import type { Millrace } from '../core/millrace.ts';
import { checkOptions } from '../core/options.ts';
import { JobRunner } from './job-runner.ts';
import type { CrashPoint } from './life.ts';
import type { RunOptions, RunResult } from './run-result.ts';
import { drainChecks } from './options.ts';

/** What `drain` takes. */
export interface DrainOptions extends RunOptions {
  /**
   * Lets the worker's process die once, where the first job that comes to this point is. Another process finds out, rescues
   * the job and goes on. Not together with `concurrency`.
   */
  readonly crashAt?: CrashPoint;
}

/**
 * Runs every due job, also those that jobs enqueue meanwhile, in this process and one after the other, until none is due
 * any more. Jobs that become due later, retries among them, stay: `simulate` moves the time. It needs no other worker, and
 * a handler's error comes out as it was thrown, once the attempt is settled.
 * @throws the first error of a handler, unless `collect` is set; MILLRACE_TEST_ENDLESS, MILLRACE_TEST_CRASH_MISSED,
 *   MILLRACE_OPTION_…, MILLRACE_DB_…, MILLRACE_SCHEMA_MISSING
 */
export async function drain(millrace: Millrace, options: DrainOptions = {}): Promise<RunResult> {
  const { crashAt, concurrency } = checkOptions(drainChecks, options, 'drain');
  if (crashAt !== undefined && concurrency !== undefined && concurrency > 1) {
    throw new MillraceError(
      'MILLRACE_OPTION_INVALID',
      'drain: with crashAt jobs run one after the other; leave concurrency out',
    );
  }
  const runner = new JobRunner(millrace, options, 'drain', crashAt);
  try {
    const waiting = await runner.runDue();
    if (crashAt !== undefined && runner.process.life.end === crashAt) {
      throw new MillraceError(
        'MILLRACE_TEST_CRASH_MISSED',
        `drain: no job came to '${crashAt}', so nothing crashed`,
      );
    }
    return runner.resultWith(waiting);
  } finally {
    await runner.close();
  }
}
