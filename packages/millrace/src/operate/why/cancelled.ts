import { ago, type Rule } from './reason.ts';

export const cancelled: Rule = (facts) => {
  const { state, finishedAt, reason } = facts.job;
  if (state !== 'cancelled' || finishedAt === null) return undefined;
  const because = reason === null ? '' : `: ${reason}`;
  return {
    code: 'cancelled',
    sentence: `Cancelled ${ago(finishedAt, facts)}${because}.`,
    evidence: { finishedAt: finishedAt.toISOString(), reason },
  };
};
