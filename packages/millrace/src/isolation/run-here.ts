import { toAttemptError } from '../core/attempt-error.ts';
import type { Clock } from '../core/clock.ts';
import { MillraceError, type ErrorCode } from '../core/errors.ts';
import type { IsolatedJobContext } from '../core/isolation.ts';
import type { JobDefinition, JobSettings } from '../core/job-definition.ts';
import type { ClaimedJob } from '../core/job.ts';
import { toJson } from '../core/json.ts';
import type { Logger } from '../core/logger.ts';
import { defaults } from '../core/options.ts';
import { outcomeRequest } from '../core/outcome.ts';
import { readPayload } from '../core/payload-version.ts';
import type { FromIsolate, IsolatedEnd, ToIsolate } from './messages.ts';
import { ProgressTo } from './progress-to.ts';

/** The side that runs a handler: one job at a time, as its parent says. */
export function runJobsHere(
  clock: Clock,
  send: (message: FromIsolate) => void,
): (message: ToIsolate) => void {
  let abort = new AbortController();
  return (message) => {
    if (message.type === 'abort') {
      abort.abort(new MillraceError(message.code as ErrorCode, message.message));
      return;
    }
    abort = new AbortController();
    let isOver = false;
    // What goes on after the end would be taken for words of the next job.
    const say = (words: FromIsolate) => {
      if (!isOver) send(words);
    };
    const progress = new ProgressTo((said) => say({ type: 'progress', progress: said }), clock);
    const { signal } = abort;
    const context = contextOf(message.job, {
      signal,
      logger: loggerTo(say),
      progress: (percent, note) => progress.say(percent, note),
    });
    void endOf(message.module, message.job, context).then((end) => {
      progress.flush();
      isOver = true;
      send({ type: 'ended', end });
    });
  };
}

async function endOf(
  module: string,
  job: ClaimedJob,
  context: IsolatedJobContext,
): Promise<IsolatedEnd> {
  try {
    const settings = await settingsIn(module, job.kind);
    const payload = await readPayload(job.payload, job.payloadVersion, settings);
    const returned: unknown = await settings.handler(payload, context);
    const request = outcomeRequest(returned);
    return request === undefined ? kept(returned) : asked(request);
  } catch (thrown) {
    const request = outcomeRequest(thrown);
    if (request !== undefined) return asked(request);
    if (context.signal.aborted && thrown === context.signal.reason) return { obeyed: true };
    return { failed: toAttemptError(thrown, defaults.errorMaxBytes) };
  }
}

function asked(request: NonNullable<ReturnType<typeof outcomeRequest>>): IsolatedEnd {
  if (request.type !== 'retryAfter') return { asked: request, why: '' };
  const reason = toAttemptError(request.reason, defaults.errorMaxBytes);
  return { asked: { ...request, reason }, why: '' };
}

function kept(returned: unknown): IsolatedEnd {
  if (returned === undefined) return { returned };
  try {
    return { returned: toJson(returned, 'result') };
  } catch (error) {
    return { unkept: toAttemptError(error, defaults.errorMaxBytes).message };
  }
}

/** Whoever defined it was told by the compiler what its context lacks. */
type Handled = Omit<JobSettings, 'handler'> & {
  readonly handler: (payload: unknown, context: IsolatedJobContext) => unknown;
};

async function settingsIn(module: string, kind: string): Promise<Handled> {
  const exported = (await import(module)) as Record<string, unknown>;
  for (const value of Object.values(exported)) {
    if (typeof value !== 'object' || value === null || !('settings' in value)) continue;
    const { settings, kind: own } = value as JobDefinition;
    if (own === kind && settings.handler !== undefined) return settings as Handled;
  }
  throw new MillraceError(
    'MILLRACE_ISOLATE_MODULE_INVALID',
    `${module} exports no definition of '${kind}' with a handler`,
  );
}

function loggerTo(send: (message: FromIsolate) => void): Logger {
  type Level = 'debug' | 'info' | 'warn' | 'error';
  const line =
    (level: Level): Logger[Level] =>
    (details, message) => {
      try {
        send({ type: 'log', level, details, message });
      } catch {
        // Functions, for example, cannot leave the process.
        send({ type: 'log', level, details: {}, message });
      }
    };
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}

function contextOf(
  job: ClaimedJob,
  means: Pick<IsolatedJobContext, 'signal' | 'logger' | 'progress'>,
): IsolatedJobContext {
  const { id, kind, queue, attempt, maxAttempts, meta } = job;
  const createdAt = new Date(job.createdMs);
  const scheduledAt = new Date(job.scheduledMs);
  const tags = meta.tags ?? [];
  return { id, kind, queue, attempt, maxAttempts, tags, createdAt, scheduledAt, ...means };
}
