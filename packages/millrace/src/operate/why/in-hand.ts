import { ago, jobs, place, type Rule } from './reason.ts';

/** Workers claim a little ahead of their slots. */
export const inHand: Rule = (facts) => {
  const { job, owner, claimedBefore } = facts;
  if (job.state !== 'running' || owner === null || job.claimedAt === null) return undefined;
  if (owner.concurrency === null || claimedBefore < owner.concurrency || owner.alone === job.id)
    return undefined;
  return {
    code: 'in_hand',
    sentence: `Claimed ${ago(job.claimedAt, facts)} by ${place(owner)}, where it waits for one of ${owner.concurrency} slots behind ${jobs(claimedBefore)}.`,
    evidence: {
      claimedAt: job.claimedAt.toISOString(),
      worker: place(owner),
      concurrency: owner.concurrency,
      claimedBefore,
      blockedSince: owner.blockedSince?.toISOString() ?? null,
    },
  };
};
