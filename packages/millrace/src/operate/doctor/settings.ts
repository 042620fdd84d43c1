import { judgeOf } from './judge.ts';

export const settings = judgeOf(
  'settings',
  (facts) => facts.settings,
  (off) =>
    off.map(({ name, mend }) => ({
      severity: 'warning',
      message: `${name} is off: a crash of the server's host can lose or damage what was committed.`,
      mend,
    })),
);
