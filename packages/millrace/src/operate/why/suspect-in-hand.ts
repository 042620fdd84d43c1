import { isSuspect } from '../../core/suspect.ts';
import { place, type Rule } from './reason.ts';

export const suspectInHand: Rule = ({ job, owner }) => {
  if (job.state !== 'running' || owner === null || !isSuspect(job) || owner.alone === job.id)
    return undefined;
  return {
    code: 'suspect_in_hand',
    sentence: `In the hands of ${place(owner)}, where it waits until nothing else runs in that process: it was in hand when a process died, ${job.crashes} times.`,
    evidence: { worker: place(owner), crashes: job.crashes, running: owner.running },
  };
};
