import { EmptySchema } from '@bufbuild/protobuf/wkt';
import { defineJob, every } from 'millrace';
import { protobuf } from 'millrace/protobuf';

/** Removes the tokens that had expired at the fire time; answers with how many, which is kept as the job's result. */
export const purgeTokens = defineJob({
  kind: 'purge-tokens',
  payload: protobuf(EmptySchema),
  schedule: { at: every('24h'), missed: { all: '1d' } },
  transaction: true,
  async handler(_empty, { tx, scheduledAt }) {
    const tokens = await tx.query('DELETE FROM tokens WHERE expires_at <= $1', [scheduledAt]);
    const refreshTokens = await tx.query('DELETE FROM refresh_tokens WHERE expires_at <= $1', [
      scheduledAt,
    ]);
    return { tokens: tokens.rowCount, refreshTokens: refreshTokens.rowCount };
  },
});
