import type { Count } from '../../core/operator/why.ts';
import { jobs, serving, type Rule } from './reason.ts';

export const behind: Rule = (facts) => {
  if (facts.ahead === null) return undefined;
  const { higher, earlier } = facts.ahead;
  if (higher.count + earlier.count === 0) return undefined;
  const parts = [
    ...(higher.count > 0 ? [`${shown(higher)} of higher priority`] : []),
    ...(earlier.count > 0 ? [`${shown(earlier)} due earlier at its own`] : []),
  ];
  const those = serving(facts);
  return {
    code: 'behind',
    sentence: `Due, and behind ${parts.join(' and ')} in queue '${facts.job.queue}', which ${those.length === 1 ? '1 worker serves' : `${those.length} workers serve`}.`,
    evidence: {
      higherPriority: higher.count,
      earlier: earlier.count,
      atLeast: higher.atLeast || earlier.atLeast,
      workers: those.length,
    },
  };
};

function shown({ count, atLeast }: Count): string {
  return `${atLeast ? 'at least ' : ''}${jobs(count)}`;
}
