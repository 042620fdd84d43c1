import { judgeOf } from './judge.ts';

const sentences = {
  missing: (name: string) => `The index ${name} is missing.`,
  different: (name: string) =>
    `The index ${name} is not the one of the migrations; drop it, and the next run says how to make the right one.`,
  invalid: (name: string) => `The index ${name} is invalid: it costs writes and serves no reads.`,
} as const;

export const indexes = judgeOf(
  'indexes',
  (facts) => facts.indexes,
  (faults) =>
    faults.map(({ name, fault, mend }) => ({
      severity: 'problem',
      message: sentences[fault](name),
      mend,
    })),
);
