import { judgeOf } from './judge.ts';

export const indexes = judgeOf(
  'indexes',
  (facts) => facts.indexes,
  (faults) =>
    faults.map(({ name, fault, mend }) => ({
      severity: 'problem',
      message:
        fault === 'missing'
          ? `The index ${name} is missing.`
          : `The index ${name} is invalid: it costs writes and serves no reads.`,
      mend,
    })),
);
