import { formatDuration } from '../../core/duration.ts';
import { serving, since, type Rule } from './reason.ts';

export const dueNow: Rule = (facts) => {
  const { runAt } = facts.job;
  if (runAt === null) return undefined;
  const dueForMs = since(runAt, facts);
  return {
    code: 'due_now',
    sentence: `Due for ${formatDuration(dueForMs)}, and next in line: it should start any moment.`,
    evidence: { runAt: runAt.toISOString(), dueForMs, workers: serving(facts).length },
  };
};
