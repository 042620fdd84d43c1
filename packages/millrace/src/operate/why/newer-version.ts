import { handling, newestKnown, place, serving, type Rule } from './reason.ts';

export const newerVersion: Rule = (facts) => {
  const { kind, payloadVersion } = facts.job;
  const those = handling(facts);
  if (those.length === 0 || serving(facts).length > 0) return undefined;
  const known = Math.max(...those.map((worker) => newestKnown(worker, facts)));
  return {
    code: 'newer_version',
    sentence: `Its payload is of version ${payloadVersion} of '${kind}', and the live workers that handle it (${those.length}) know no newer one than ${known}: it waits for a worker of the newer deploy.`,
    evidence: { kind, payloadVersion, knownVersion: known, workers: those.map(place) },
  };
};
