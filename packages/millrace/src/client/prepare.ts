import { MillraceError } from '../core/errors.ts';
import type { AnyJobDefinition, JobRequest } from '../core/job-definition.ts';
import {
  enqueueThrough,
  layersOf,
  type EnqueueAnswer,
  type Layers,
  type Middleware,
} from '../core/middleware.ts';
import { checkOptions, enqueueChecks } from '../core/options.ts';
import { encodePayload } from '../core/payload.ts';
import type { NewJob } from '../core/storage.ts';
import type { TransactionHandle } from '../core/transaction-handles.ts';

/** What jobs go through, and may look like, before they are stored. */
export interface Limits {
  readonly payloadMaxBytes: number;
  /** Stands around the jobs of every definition. */
  readonly use: readonly Middleware[];
}

/** A job as somebody asks for it. */
export interface Requested extends JobRequest {
  readonly tx?: TransactionHandle | undefined;
}

/**
 * Takes a request through the middleware around it, judges it and completes it from its definition.
 * @param store What is to become of it; not called where middleware answers by itself.
 * @throws what middleware or `store` throws; MILLRACE_PAYLOAD_INVALID, MILLRACE_PAYLOAD_NOT_JSON,
 *   MILLRACE_PAYLOAD_TOO_LARGE, MILLRACE_MIDDLEWARE_INVALID, MILLRACE_OPTION_…
 */
export async function enqueueJob<Answer extends EnqueueAnswer>(
  request: Requested,
  limits: Limits,
  store: (job: NewJob) => Promise<Answer>,
): Promise<Answer> {
  const layers = layersAround(request.definition, limits);
  if (layers === undefined || layers.enqueue.length === 0)
    return store(await prepareJob(request, limits, layers));
  return enqueueThroughLayers(request, limits, layers, store);
}

/** The same, where it is known that something stands around it. */
export async function enqueueThroughLayers<Answer extends EnqueueAnswer>(
  { definition, payload, options, tx }: Requested,
  limits: Limits,
  layers: Layers,
  store: (job: NewJob) => Promise<Answer>,
): Promise<Answer> {
  const { kind } = definition;
  const context = { kind, definition, payload: payload === undefined ? {} : payload, options, tx };
  const answer = await enqueueThrough(layers.enqueue, context, async (changed) =>
    store(await prepareJob({ ...changed, definition }, limits, layers)),
  );
  // Middleware answers with null only where `store` has.
  return answer as Answer;
}

/** What stands around the jobs of a definition. */
export function layersAround(
  definition: AnyJobDefinition,
  { use }: Pick<Limits, 'use'>,
): Layers | undefined {
  // What is no definition is refused with all else that is wrong with a request.
  return layersOf(use, definition?.settings?.use ?? []);
}

/** Judges a request that is through its middleware. */
export async function prepareJob(
  request: JobRequest,
  { payloadMaxBytes }: Limits,
  layers: Layers | undefined,
): Promise<NewJob> {
  const { definition } = request;
  const settings = definition?.settings;
  if (settings === undefined) {
    throw new MillraceError(
      'MILLRACE_OPTION_INVALID',
      'the first argument must be what defineJob returned',
    );
  }
  const options = checkOptions(enqueueChecks, request.options, `enqueue ${definition.kind}`);
  if (options.delay !== undefined && options.scheduledAt !== undefined) {
    throw new MillraceError(
      'MILLRACE_OPTION_INVALID',
      `enqueue ${definition.kind}: give delay or scheduledAt, not both`,
    );
  }
  const { kind } = definition;
  const { version } = settings;
  const about = { kind, version, maxBytes: payloadMaxBytes, layers };
  const payload = await encodePayload(request.payload, settings.codec, about);
  return {
    kind,
    queue: options.queue ?? settings.queue,
    priority: options.priority ?? settings.priority,
    maxAttempts: options.maxAttempts ?? settings.maxAttempts,
    payload,
    ...(settings.version !== 1 && { payloadVersion: settings.version }),
    meta: options.tags === undefined || options.tags.length === 0 ? {} : { tags: options.tags },
    policy: {
      ...(options.retry !== undefined && { retry: options.retry }),
      ...(options.timeout !== undefined && { timeoutMs: options.timeout }),
    },
    uniqueKey: options.uniqueKey,
    delayMs: options.delay,
    scheduledAt: options.scheduledAt,
  };
}
