import { isSuspect } from '../../core/suspect.ts';
import { ago, type Rule } from './reason.ts';

export const ownerGone: Rule = (facts) => {
  const { state, claimedAt, crashes } = facts.job;
  if (state !== 'running' || facts.owner !== null || claimedAt === null) return undefined;
  const next = isSuspect(facts.job)
    ? `it was in hand when a process died, ${crashes} times before: if it ran alone and its process gives no sign of life for a minute, it is quarantined, and otherwise given back`
    : 'it is given back within seconds, a minute at most, if any worker or scheduler runs';
  return {
    code: 'owner_gone',
    sentence: `Claimed ${ago(claimedAt, facts)} by a worker that is no longer registered; ${next}.`,
    evidence: {
      claimedAt: claimedAt.toISOString(),
      liveWorkers: facts.workers.length,
      ...(isSuspect(facts.job) ? { crashes } : {}),
    },
  };
};
