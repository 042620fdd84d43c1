import { formatDuration } from '../../core/duration.ts';
import { runningSince, since, type Rule } from './reason.ts';

export const blocked: Rule = (facts) => {
  const { job, owner } = facts;
  const blockedSince = owner?.blockedSince ?? null;
  if (job.state !== 'running' || owner === null || blockedSince === null) return undefined;
  const { sentence, evidence } = runningSince(facts, owner);
  return {
    code: 'blocked',
    sentence: `${sentence}; the event loop of that process has been blocked for ${formatDuration(since(blockedSince, facts))}.`,
    evidence: { ...evidence, blockedSince: blockedSince.toISOString() },
  };
};
