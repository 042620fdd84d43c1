import { judgeOf } from './judge.ts';

const highest = 2n ** 63n - 1n;

export const sequence = judgeOf(
  'ids',
  (facts) => facts.sequence,
  ({ last, highestId, mend }) => {
    if (BigInt(last) > (highest / 10n) * 9n) {
      const message = `The sequence of job ids stands at ${last}, close to its end.`;
      return [{ severity: 'problem', message, mend: null }];
    }
    if (BigInt(last) >= BigInt(highestId)) return [];
    const message = `The sequence of job ids stands at ${last}, but a job has the id ${highestId}: new jobs will collide with old ones.`;
    return [{ severity: 'problem', message, mend }];
  },
);
