import type { Situation } from './why-situations.ts';

/** While a deploy goes on that changes payloads. */
export const versionSituations: readonly Situation[] = [
  {
    name: 'of a payload version that only a later deploy knows',
    code: 'newer_version',
    sentence:
      /^Its payload is of version 3 of 'test', and the live workers.+\(1\) know no newer one than 2: /,
    evidence: { payloadVersion: 3, knownVersion: 2, workers: ['mill:7'] },
    async arrange(place) {
      await place.worker({ kinds: ['other', 'test'], versions: [9, 2] });
      return place.job({ payloadVersion: 3 });
    },
  },
  {
    name: 'behind jobs of which those of a later deploy do not count',
    code: 'behind',
    sentence: /\b1 job /,
    evidence: {},
    async arrange(place) {
      await place.worker({ versions: [2] });
      for (const payloadVersion of [3, 2, 3])
        await place.dueEarlier(await place.job({ payloadVersion }), 60);
      return place.job();
    },
  },
];
