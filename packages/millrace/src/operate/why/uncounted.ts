import { formatDuration } from '../../core/duration.ts';
import { serving, since, type Rule } from './reason.ts';

/** Whether anything is before it decides what else may be the reason. */
export const uncounted: Rule = (facts) => {
  const { runAt } = facts.job;
  if (runAt === null || facts.ahead !== null) return undefined;
  const dueForMs = since(runAt, facts);
  return {
    code: 'uncounted',
    sentence: `Due for ${formatDuration(dueForMs)}; how many jobs are before it could not be counted in time, for rows of finished jobs that cannot be vacuumed yet are in the way: \`millrace doctor\` says what holds them.`,
    evidence: { runAt: runAt.toISOString(), dueForMs, workers: serving(facts).length },
  };
};
