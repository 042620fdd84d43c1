import type { Judge } from './judge.ts';

export const pooler: Judge = ({ pooled }) =>
  pooled
    ? [
        {
          severity: 'warning',
          check: 'pooler',
          message:
            'A pooler is on the way: jobs are found by polling, and a dead worker is found by its heartbeat alone.',
          mend: 'Give `directConnection` a connection that goes to PostgreSQL itself.',
        },
      ]
    : [];
