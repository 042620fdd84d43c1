import { MillraceError } from '../core/errors.ts';
import type { JobRequest } from '../core/job-definition.ts';
import { checkOptions, enqueueChecks } from '../core/options.ts';
import { encodePayload } from '../core/payload.ts';
import type { NewJob } from '../core/storage.ts';

/** What a job may look like before it is stored. */
export interface Limits {
  readonly payloadMaxBytes: number;
}

/**
 * Judges a request and completes it from its definition.
 * @throws MILLRACE_PAYLOAD_INVALID, MILLRACE_PAYLOAD_NOT_JSON, MILLRACE_PAYLOAD_TOO_LARGE, MILLRACE_OPTION_…
 */
export async function prepareJob(request: JobRequest, limits: Limits): Promise<NewJob> {
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
  const maxBytes = limits.payloadMaxBytes;
  const payload = await encodePayload(request.payload, settings.codec, { kind, maxBytes });
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
