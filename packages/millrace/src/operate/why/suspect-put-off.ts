import { formatDuration } from '../../core/duration.ts';
import { isSuspect } from '../../core/suspect.ts';
import { alsoPaused, type Rule } from './reason.ts';

export const suspectPutOff: Rule = (facts) => {
  const { job, now, lastAttempt } = facts;
  if (job.runAt === null || job.runAt <= now || !isSuspect(job)) return undefined;
  // A suspect can also fail as any job does.
  if (lastAttempt?.ending === 'failed') return undefined;
  const dueInMs = job.runAt.getTime() - now.getTime();
  return {
    code: 'suspect_put_off',
    sentence: `Put off for ${formatDuration(dueInMs)}: it was in hand when a process died, ${job.crashes} times, so it runs alone, and the others in the process did not end in time${alsoPaused(facts)}.`,
    evidence: { runAt: job.runAt.toISOString(), dueInMs, crashes: job.crashes },
  };
};
