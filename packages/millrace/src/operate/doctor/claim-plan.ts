import { judgeOf } from './judge.ts';

export const claimPlan = judgeOf(
  'claim-plan',
  (facts) => facts.claimPlan,
  (otherWays) =>
    otherWays.map((step) => ({
      severity: 'problem',
      message: `The claim looks for jobs by ${step} instead of the index job_claim, so it becomes slower with every job that waits.`,
      mend: 'Mend what is said about indexes first.',
    })),
);
