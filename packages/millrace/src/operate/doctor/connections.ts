import { judgeOf } from './judge.ts';

const warnAt = 0.8;
const problemAt = 0.95;

export const connections = judgeOf(
  'connections',
  (facts) => facts.connections,
  ({ most, used, ours }) =>
    used < most * warnAt
      ? []
      : [
          {
            severity: used < most * problemAt ? 'warning' : 'problem',
            message: `${used} of ${most} connections are in use, ${ours} of them by Millrace.`,
            mend: 'Make the pools of the applications smaller, put a pooler between, or raise max_connections and restart the server.',
          },
        ],
);
