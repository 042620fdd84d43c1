import { ago, type Rule } from './reason.ts';

export const ownerGone: Rule = (facts) => {
  const { state, claimedAt } = facts.job;
  if (state !== 'running' || facts.owner !== null || claimedAt === null) return undefined;
  return {
    code: 'owner_gone',
    sentence: `Claimed ${ago(claimedAt, facts)} by a worker that is no longer registered; it is given back within seconds, a minute at most, if any worker or scheduler runs.`,
    evidence: { claimedAt: claimedAt.toISOString(), liveWorkers: facts.workers.length },
  };
};
