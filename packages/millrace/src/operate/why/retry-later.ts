import { formatDuration } from '../../core/duration.ts';
import { alsoPaused, brief, type Rule } from './reason.ts';

export const retryLater: Rule = (facts) => {
  const { job, now, lastAttempt } = facts;
  if (job.state !== 'retryable' || job.runAt === null) return undefined;
  const dueInMs = job.runAt.getTime() - now.getTime();
  const error = lastAttempt?.error ?? null;
  const after = error === null ? '' : ` after ${brief(error)}`;
  return {
    code: 'retry_later',
    sentence: `Attempt ${job.attempt} of ${job.maxAttempts} failed${after}; the next one is due in ${formatDuration(dueInMs)}${alsoPaused(facts)}.`,
    evidence: {
      runAt: job.runAt.toISOString(),
      dueInMs,
      attempt: job.attempt,
      maxAttempts: job.maxAttempts,
      error: error?.message ?? null,
    },
  };
};
