import { MillraceError } from '../core/errors.ts';
import type { AnyJobDefinition } from '../core/job-definition.ts';
import { layersOf, type Middleware } from '../core/middleware.ts';
import type { WorkerOptions } from '../core/millrace.ts';
import { check, checkOptions, defaults, queueChecks, workerChecks } from '../core/options.ts';
import type { HandledJobSettings } from './held-job.ts';

/** What `createWorker` took, completed and judged. */
export interface WorkerSettings {
  readonly concurrency: number;
  /** How many jobs of each queue may run here at once. */
  readonly queues: ReadonlyMap<string, number>;
  /** What runs each kind. */
  readonly handlers: ReadonlyMap<string, HandledJobSettings>;
  readonly stopGraceMs: number;
}

/**
 * Judges the options of a worker and completes them from the definitions that the application has.
 * @param use Stands around the handlers of every definition.
 * @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID, MILLRACE_HANDLER_MISSING, MILLRACE_HANDLER_DUPLICATE
 */
export function workerSettings(
  options: WorkerOptions,
  jobs: Iterable<AnyJobDefinition>,
  use: readonly Middleware[] = [],
): WorkerSettings {
  const checked = checkOptions(workerChecks, options, 'createWorker');
  const concurrency = checked.concurrency ?? defaults.concurrency;
  const handlers = handlersOf(checked.handlers, jobs, use);
  const named = [...handlers.values()].map(({ queue }) => queue);
  return {
    concurrency,
    queues: queuesOf(checked.queues ?? named, concurrency),
    handlers,
    stopGraceMs: checked.stopGrace ?? defaults.stopGraceMs,
  };
}

function handlersOf(
  given: unknown,
  jobs: Iterable<AnyJobDefinition>,
  use: readonly Middleware[],
): Map<string, HandledJobSettings> {
  if (given !== undefined && !Array.isArray(given)) {
    throw new MillraceError(
      'MILLRACE_OPTION_INVALID',
      'createWorker.handlers must be a list of job definitions',
    );
  }
  const chosen =
    (given as AnyJobDefinition[] | undefined) ??
    [...jobs].filter(({ settings }) => settings.handler);
  const handlers = new Map<string, HandledJobSettings>();
  for (const definition of chosen) {
    const settings = definition?.settings;
    if (settings === undefined) {
      throw new MillraceError(
        'MILLRACE_OPTION_INVALID',
        'createWorker.handlers: not what defineJob returned',
      );
    }
    const { kind } = definition;
    const { handler } = settings;
    if (handler === undefined)
      throw new MillraceError('MILLRACE_HANDLER_MISSING', `'${kind}' has no handler`);
    if (handlers.has(kind))
      throw new MillraceError('MILLRACE_HANDLER_DUPLICATE', `'${kind}' has two handlers`);
    handlers.set(kind, { ...settings, handler, layers: attemptLayers(use, settings.use) });
  }
  if (handlers.size > 0) return handlers;
  throw new MillraceError('MILLRACE_HANDLER_MISSING', 'createWorker: no definition has a handler');
}

/** Undefined where nothing stands around attempts, so that they go the short way. */
function attemptLayers(outer: readonly Middleware[], own: readonly Middleware[]) {
  const layers = layersOf(outer, own);
  return layers === undefined || layers.attempt.length + layers.decode.length === 0
    ? undefined
    : layers;
}

function queuesOf(given: unknown, concurrency: number): Map<string, number> {
  const limits: readonly (readonly [string, unknown])[] = Array.isArray(given)
    ? given.map((queue: string) => [queue, {}])
    : typeof given === 'object' && given !== null
      ? Object.entries(given)
      : [];
  if (limits.length === 0) {
    throw new MillraceError(
      'MILLRACE_OPTION_INVALID',
      'createWorker.queues must name at least one queue',
    );
  }
  return new Map(
    limits.map(([queue, options]) => {
      const what = `createWorker.queues['${queue}']`;
      const limit = checkOptions(queueChecks, options, what).concurrency ?? concurrency;
      return [check.text(200)(queue, what), Math.min(limit, concurrency)];
    }),
  );
}
