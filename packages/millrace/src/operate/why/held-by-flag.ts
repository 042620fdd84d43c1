import { place, serving, type Rule } from './reason.ts';

export const heldByFlag: Rule = (facts) => {
  const { kind } = facts.job;
  const those = serving(facts);
  if (those.length === 0 || those.some(({ heldKinds }) => !heldKinds.includes(kind)))
    return undefined;
  return {
    code: 'held_by_flag',
    sentence: `Held back by a flag: \`enabled\` of '${kind}' says no on every worker that serves it (${those.length}).`,
    evidence: { kind, workers: those.map(place) },
  };
};
