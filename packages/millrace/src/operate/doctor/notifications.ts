import { judgeOf } from './judge.ts';

const warnAt = 0.1;
const problemAt = 0.5;

export const notifications = judgeOf(
  'notifications',
  (facts) => facts.notifications,
  (usage) =>
    usage < warnAt
      ? []
      : [
          {
            severity: usage < problemAt ? 'warning' : 'problem',
            message: `The server's queue of notifications is ${Math.round(usage * 100)} % full; when it is full, commits that notify fail.`,
            mend: 'End the session that listens inside a long transaction; the findings about snapshots name it.',
          },
        ],
);
