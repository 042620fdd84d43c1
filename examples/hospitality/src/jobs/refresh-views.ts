import { EmptySchema } from '@bufbuild/protobuf/wkt';
import { defineJob, every } from 'millrace';
import { protobuf } from 'millrace/protobuf';

/** The next refresh makes up for one that failed or was missed, so neither is repeated. */
const refresh = { payload: protobuf(EmptySchema), maxAttempts: 1, transaction: true } as const;

export const refreshActivity = defineJob({
  ...refresh,
  kind: 'refresh-activity',
  schedule: { at: every('30s'), missed: 'skip' },
  async handler(_empty, { tx }) {
    await tx.query('REFRESH MATERIALIZED VIEW CONCURRENTLY house_activity');
  },
});

export const refreshLeaderboard = defineJob({
  ...refresh,
  kind: 'refresh-leaderboard',
  schedule: { at: every('5m'), missed: 'skip' },
  async handler(_empty, { tx }) {
    await tx.query('REFRESH MATERIALIZED VIEW CONCURRENTLY leaderboard');
  },
});
