import { ago, type Rule } from './reason.ts';

export const completed: Rule = (facts) => {
  const { state, finishedAt, ranOn, attempt, maxAttempts } = facts.job;
  if (state !== 'completed' || finishedAt === null) return undefined;
  const where = ranOn === null ? '' : ` on ${ranOn}`;
  return {
    code: 'completed',
    sentence: `Completed ${ago(finishedAt, facts)}${where}, in attempt ${attempt} of ${maxAttempts}.`,
    evidence: { finishedAt: finishedAt.toISOString(), worker: ranOn, attempt, maxAttempts },
  };
};
