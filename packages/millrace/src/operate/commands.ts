import { MillraceError } from '../core/errors.ts';
import { keyIdOf, sealedError } from '../core/envelope.ts';
import type { JobState } from '../core/job.ts';
import type { AnyJobDefinition } from '../core/job-definition.ts';
import type { Json } from '../core/json.ts';
import { lifecycle, type JobEvent } from '../core/lifecycle.ts';
import { layersOf, type Middleware } from '../core/middleware.ts';
import type { JobCommand, JobVerb, VerbAnswer } from '../core/operator/job-verbs.ts';
import { encodePayload } from '../core/payload.ts';

/** The verbs as events of a job's life. */
const events: Readonly<Record<JobVerb, JobEvent>> = {
  retry: 'retry',
  cancel: 'cancel',
  discard: 'giveUp',
  reschedule: 'reschedule',
  edit: 'edit',
  delete: 'delete',
};

/** What would become of a job in this state. */
export function foretell(verb: JobVerb, from: JobState): VerbAnswer {
  const transition = lifecycle[from][events[verb]];
  if ('to' in transition || 'gone' in transition) return done(from);
  if (from === 'running') return { status: verb === 'cancel' ? 'requested' : 'running' };
  if (from === 'completed' || from === 'cancelled' || from === 'discarded')
    return { status: 'finished', state: from };
  return done(from);
}

/** The state after it depends on the time at which it is really done. */
function done(from: JobState): VerbAnswer {
  return { status: 'done', from, state: null };
}

/** @throws MILLRACE_OPTION_INVALID */
export function rescheduleCommand(
  { delay, scheduledAt }: { delay?: number; scheduledAt?: Date },
  what: string,
): JobCommand {
  if ((delay === undefined) === (scheduledAt === undefined)) {
    throw new MillraceError('MILLRACE_OPTION_INVALID', `${what}: give delay or scheduledAt`);
  }
  return { verb: 'reschedule', at: scheduledAt ?? null, delayMs: delay ?? 0 };
}

/** The jobs that get a new payload. */
export interface EditedJobs {
  /** Their one kind. */
  readonly kind: () => Promise<string>;
  /** Payloads that they have, or that others of their kind have. */
  readonly payloads: (kind: string) => Promise<readonly Json[]>;
}

interface Changes {
  readonly payload?: unknown;
  readonly priority?: number;
  readonly queue?: string;
}

/**
 * A new payload goes through what enqueueing would take it through. Where that encodes nothing, it must not take the place of
 * an encrypted one.
 * @throws MILLRACE_OPTION_INVALID, MILLRACE_PAYLOAD_INVALID, MILLRACE_PAYLOAD_NOT_JSON, MILLRACE_PAYLOAD_TOO_LARGE,
 *   MILLRACE_ENCRYPTION_KEY_MISSING
 */
export async function editCommand(
  { payload, priority, queue }: Changes,
  edited: EditedJobs,
  known: {
    readonly jobs: ReadonlyMap<string, AnyJobDefinition>;
    readonly payloadMaxBytes: number;
    readonly use: readonly Middleware[];
  },
  what: string,
): Promise<JobCommand> {
  if (payload === undefined && priority === undefined && queue === undefined) {
    throw new MillraceError('MILLRACE_OPTION_INVALID', `${what}: there is nothing to change`);
  }
  const rest = { verb: 'edit', priority, queue } as const;
  if (payload === undefined) return { ...rest, payload, payloadVersion: undefined };
  const kind = await edited.kind();
  const { codec, version, use } = known.jobs.get(kind)?.settings ?? {};
  const layers = use === undefined ? undefined : layersOf(known.use, use);
  if (layers === undefined || layers.encode.length === 0) {
    for (const present of await edited.payloads(kind)) {
      const kid = keyIdOf(present);
      if (kid !== undefined) throw sealedError(kid);
    }
  }
  const about = { kind, version: version ?? 1, maxBytes: known.payloadMaxBytes, layers };
  const stored = await encodePayload(payload, codec, about);
  return { ...rest, payload: stored, payloadVersion: version };
}
