import { MillraceError } from '../core/errors.ts';
import type { JobRequest } from '../core/job-definition.ts';
import { checkOptions, enqueueChecks } from '../core/options.ts';
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
  const payload = await settings.codec.encode(request.payload);
  const bytes = Buffer.byteLength(JSON.stringify(payload));
  if (bytes > limits.payloadMaxBytes) {
    throw new MillraceError(
      'MILLRACE_PAYLOAD_TOO_LARGE',
      `the payload of ${definition.kind} has ${bytes} bytes; ${limits.payloadMaxBytes} are allowed`,
    );
  }
  return {
    kind: definition.kind,
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
