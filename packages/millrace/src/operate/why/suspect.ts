import { isSuspect } from '../../core/suspect.ts';
import type { Rule } from './reason.ts';

export const suspect: Rule = ({ job }) => {
  if (!isSuspect(job)) return undefined;
  return {
    code: 'suspect',
    sentence: `Due; it was in hand when a process died, ${job.crashes} times, so it waits for a worker that runs it with nothing else in its process.`,
    evidence: { crashes: job.crashes },
  };
};
