import type { HealthFacts } from '../../core/operator/health.ts';
import { judgeOf } from './judge.ts';

const otherWays = judgeOf(
  'claim-plan',
  (facts) => facts.claimPlan,
  (steps) =>
    steps.map(({ name, mend }) => ({
      severity: 'problem',
      message: `The claim looks for jobs by ${name} instead of the index job_claim, so it becomes slower with every job that waits.`,
      mend,
    })),
);

/** Without its index the claim has no other way; then `indexes` says what mends it. */
export const claimPlan = (facts: HealthFacts) => {
  const { indexes } = facts;
  const isFaulty = indexes.read && indexes.value.some(({ name }) => name === 'job_claim');
  return isFaulty ? [] : otherWays(facts);
};
