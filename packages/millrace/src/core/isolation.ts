import type { Duration } from './duration.ts';
import { MillraceError } from './errors.ts';
import type { ClaimedJob } from './job.ts';
import type { JobContext } from './job-definition.ts';
import { checkOptions, defaults, isolateChecks } from './options.ts';

/** Runs the handler in a process of its own, one job at a time, which the worker outlives whatever becomes of it. */
export interface IsolateOptions {
  /**
   * `import.meta.url` of the module that exports the definition with its handler. The process imports it, so it must not
   * start a worker when it is imported.
   */
  readonly module: string | URL;
  /** The bound of the JavaScript heap, in MiB; a process that needs more ends. Default 512. */
  readonly memoryMb?: number;
  /** How long the handler gets to end after its signal aborted; then its process is killed. Default 1 s. */
  readonly killAfter?: Duration;
}

/** The same, completed and judged. */
export interface IsolateSettings {
  readonly module: string;
  readonly memoryMb: number;
  readonly killAfterMs: number;
}

/** The context of a handler in a process of its own, which has no connection to the database. */
export type IsolatedJobContext = Omit<JobContext, 'enqueue' | 'enqueueMany'>;

/** Runs handlers elsewhere: resolves and rejects as the handler does, and rejects when its process ends. */
export interface Isolation {
  run(job: ClaimedJob, where: IsolateSettings, context: IsolatedJobContext): Promise<unknown>;
}

/** @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID */
export function isolateSettings(
  value: unknown,
  kind: string,
  isTransactional: boolean,
): IsolateSettings | undefined {
  if (value === undefined) return undefined;
  const what = `${kind}.isolate`;
  const { module, memoryMb, killAfter } = checkOptions(isolateChecks, value, what);
  if (isTransactional) {
    throw new MillraceError(
      'MILLRACE_OPTION_INVALID',
      `${what}: a handler with a transaction runs in the worker's own process; leave out one of the two`,
    );
  }
  const url = module instanceof URL ? module.href : module;
  if (typeof url !== 'string' || !url.startsWith('file:')) {
    throw new MillraceError('MILLRACE_OPTION_INVALID', `${what}.module must be import.meta.url`);
  }
  return {
    module: url,
    memoryMb: memoryMb ?? defaults.isolateMemoryMb,
    killAfterMs: killAfter ?? defaults.isolateKillAfterMs,
  };
}
