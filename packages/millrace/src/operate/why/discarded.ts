import { ago, brief, type Rule } from './reason.ts';

export const discarded: Rule = (facts) => {
  const { state, finishedAt, reason, attempt, maxAttempts } = facts.job;
  if (state !== 'discarded' || finishedAt === null) return undefined;
  const error = facts.lastAttempt?.error ?? null;
  const shown = error === null ? '' : `; the last error was ${brief(error)}`;
  const because = reason ?? `attempt ${attempt} of ${maxAttempts} failed`;
  return {
    code: 'discarded',
    sentence: `Discarded ${ago(finishedAt, facts)} because ${because}${shown}.`,
    evidence: {
      finishedAt: finishedAt.toISOString(),
      reason,
      attempt,
      maxAttempts,
      error: error?.message ?? null,
      errorCode: error?.code ?? null,
    },
  };
};
