import { callerModule, type Caller } from './caller-module.ts';
import type { Duration } from './duration.ts';
import { MillraceError } from './errors.ts';
import type { ClaimedJob } from './job.ts';
import type { JobContext } from './job-definition.ts';
import { checkOptions, defaults, isolateChecks } from './options.ts';

/** Runs the handler apart from its worker, one job at a time, in a thread or a process that imports its module. */
export interface IsolateOptions {
  /**
   * `process`: the worker outlives whatever becomes of it, also a crash of native code. `thread`: costs less memory, and less
   * time for each job; `timeout` ends it as well, except while it is inside native code, and a crash of native code ends the
   * whole process. Default `process`.
   */
  readonly in?: 'thread' | 'process';
  /**
   * `import.meta.url` of the module that exports the definition with its handler. It is imported in the thread or process, so
   * it must not start a worker by itself. Default: the file that calls `defineJob`, or `handle`.
   */
  readonly module?: string | URL;
  /** The bound of the JavaScript heap, in MiB; a thread or process that needs more ends. Default 512. */
  readonly memoryMb?: number;
  /** How long the handler gets to end after its signal aborted; then its thread or process is ended. Default 1 s. */
  readonly killAfter?: Duration;
}

/** What `isolate` of a definition takes. */
export type IsolateOption = 'thread' | 'process' | IsolateOptions;

/** The same, completed and judged. */
export interface IsolateSettings {
  readonly in: 'thread' | 'process';
  readonly module: string;
  /** Whether the module was named, rather than found by who called. */
  readonly isNamed: boolean;
  readonly memoryMb: number;
  readonly killAfterMs: number;
}

/** The context of an isolated handler, which has no connection to the database and no source of flags. */
export type IsolatedJobContext = Omit<JobContext, 'enqueue' | 'enqueueMany' | 'flags'>;

/** Runs handlers elsewhere: resolves and rejects as the handler does, and rejects when its thread or process ends. */
export interface Isolation {
  run(job: ClaimedJob, where: IsolateSettings, context: IsolatedJobContext): Promise<unknown>;
}

/** @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID */
export function isolateSettings(
  value: unknown,
  kind: string,
  isTransactional: boolean,
  caller: Caller,
): IsolateSettings | undefined {
  if (value === undefined) return undefined;
  const what = `${kind}.isolate`;
  const given = value === 'thread' || value === 'process' ? { in: value } : value;
  const { in: where, module, memoryMb, killAfter } = checkOptions(isolateChecks, given, what);
  if (isTransactional) {
    throw new MillraceError(
      'MILLRACE_OPTION_INVALID',
      `${what}: a handler with a transaction runs in the worker's own process; leave out one of the two`,
    );
  }
  return {
    in: where ?? 'process',
    module: module === undefined ? moduleOf(caller, what) : named(module, what),
    isNamed: module !== undefined,
    memoryMb: memoryMb ?? defaults.isolateMemoryMb,
    killAfterMs: killAfter ?? defaults.isolateKillAfterMs,
  };
}

/** The settings of a definition whose handler is given elsewhere. */
export function isolatedAt(
  settings: IsolateSettings | undefined,
  kind: string,
  caller: Caller,
): IsolateSettings | undefined {
  if (settings === undefined || settings.isNamed) return settings;
  return { ...settings, module: moduleOf(caller, `${kind}.isolate`) };
}

function named(module: unknown, what: string): string {
  const url = module instanceof URL ? module.href : module;
  if (typeof url === 'string' && url.startsWith('file:')) return url;
  throw new MillraceError('MILLRACE_OPTION_INVALID', `${what}.module must be import.meta.url`);
}

function moduleOf(caller: Caller, what: string): string {
  const module = callerModule(caller);
  if (module !== undefined) return module;
  throw new MillraceError(
    'MILLRACE_OPTION_INVALID',
    `${what}: the file of the definition cannot be told; say { module: import.meta.url }`,
  );
}

const isolated = Symbol.for('millrace.isolated');

/** From now on this thread or process runs isolated handlers and nothing else. */
export function becomeIsolated(): void {
  Object.defineProperty(globalThis, isolated, { value: true });
}

/** A module that starts a worker when it is imported would start one for each isolated job. */
export function refuseWhereIsolated(what: string): void {
  if (!(isolated in globalThis)) return;
  throw new MillraceError(
    'MILLRACE_ISOLATE_MODULE_INVALID',
    `the module of an isolated job makes a ${what} when it is imported`,
  );
}
