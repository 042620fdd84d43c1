import { runningSince, type Rule } from './reason.ts';

export const running: Rule = (facts) => {
  const { job, owner } = facts;
  if (job.state !== 'running' || owner === null) return undefined;
  const { sentence, evidence } = runningSince(facts, owner);
  return { code: 'running', sentence: `${sentence}.`, evidence };
};
