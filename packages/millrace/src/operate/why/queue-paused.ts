import { ago, type Rule } from './reason.ts';

export const queuePaused: Rule = (facts) => {
  const { job, pause } = facts;
  if (pause === null) return undefined;
  const { at, by, reason } = pause;
  return {
    code: 'queue_paused',
    sentence: `Queue '${job.queue}' was paused ${ago(at, facts)} by ${by}: ${reason}.`,
    evidence: { queue: job.queue, pausedAt: at.toISOString(), pausedBy: by, reason },
  };
};
