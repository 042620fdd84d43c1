import { MillraceError } from '../core/errors.ts';
import type { JobState } from '../core/job.ts';
import type { AnyJobDefinition } from '../core/job-definition.ts';
import { lifecycle, type JobEvent } from '../core/lifecycle.ts';
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

interface Changes {
  readonly payload?: unknown;
  readonly priority?: number;
  readonly queue?: string;
}

/**
 * @param kindOf the kind that a new payload is for
 * @throws MILLRACE_OPTION_INVALID, MILLRACE_PAYLOAD_INVALID, MILLRACE_PAYLOAD_NOT_JSON, MILLRACE_PAYLOAD_TOO_LARGE
 */
export async function editCommand(
  { payload, priority, queue }: Changes,
  kindOf: () => Promise<string>,
  known: {
    readonly jobs: ReadonlyMap<string, AnyJobDefinition>;
    readonly payloadMaxBytes: number;
  },
  what: string,
): Promise<JobCommand> {
  if (payload === undefined && priority === undefined && queue === undefined) {
    throw new MillraceError('MILLRACE_OPTION_INVALID', `${what}: there is nothing to change`);
  }
  const rest = { verb: 'edit', priority, queue } as const;
  if (payload === undefined) return { ...rest, payload, payloadVersion: undefined };
  const kind = await kindOf();
  const { codec, version } = known.jobs.get(kind)?.settings ?? {};
  const stored = await encodePayload(payload, codec, { kind, maxBytes: known.payloadMaxBytes });
  return { ...rest, payload: stored, payloadVersion: version };
}
