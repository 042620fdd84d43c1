import { formatDuration } from '../../core/duration.ts';
import { alsoPaused, type Rule } from './reason.ts';

export const dueLater: Rule = (facts) => {
  const { job, now } = facts;
  if (job.state !== 'scheduled' || job.runAt === null) return undefined;
  const dueInMs = job.runAt.getTime() - now.getTime();
  return {
    code: 'due_later',
    sentence: `Due in ${formatDuration(dueInMs)}, at ${job.runAt.toISOString()}${alsoPaused(facts)}.`,
    evidence: { runAt: job.runAt.toISOString(), dueInMs },
  };
};
