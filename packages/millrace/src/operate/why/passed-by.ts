import { formatDuration } from '../../core/duration.ts';
import { since, type Rule } from './reason.ts';

/** Whatever is due is claimed sooner than this by a worker with a free slot, unless its cursor has passed the place. */
const expectedMs = 2_000;

/** An idle worker sweeps its lanes at least this often, as it looks for jobs without being told. */
const sweepWithinMs = 40_000;

export const passedBy: Rule = (facts) => {
  const { runAt } = facts.job;
  if (runAt === null) return undefined;
  const dueForMs = since(runAt, facts);
  if (dueForMs < expectedMs) return undefined;
  return {
    code: 'passed_by',
    sentence: `Due for ${formatDuration(dueForMs)} with nothing before it and a slot free: the workers have read past its place, or their claims fail; the next sweep finds it, within ${formatDuration(sweepWithinMs)}.`,
    evidence: { runAt: runAt.toISOString(), dueForMs, sweepWithinMs },
  };
};
