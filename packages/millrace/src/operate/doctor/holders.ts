import { formatDuration } from '../../core/duration.ts';
import type { Holder } from '../../core/operator/health.ts';
import { judgeOf } from './judge.ts';

/** Open for longer: what is finished since then cannot be vacuumed. */
const warnAfterMs = 5 * 60_000;
const problemAfterMs = 60 * 60_000;

/** Who keeps the oldest snapshot: transactions, prepared transactions, slots that nobody reads. */
export const holders = judgeOf(
  'snapshots',
  (facts) => facts.activity,
  ({ holders: found, seesOthers, grant }) => [
    ...found.filter(isLong).map((holder) => ({
      severity:
        (holder.heldMs ?? 0) >= problemAfterMs ? ('problem' as const) : ('warning' as const),
      message: sentence(holder),
      mend: holder.mend,
    })),
    ...(seesOthers
      ? []
      : [
          {
            severity: 'unknown' as const,
            message:
              "This role does not see other roles' sessions, so long transactions of theirs stay hidden.",
            mend: grant,
          },
        ]),
  ],
);

function isLong({ heldMs }: Holder): boolean {
  return heldMs === null || heldMs >= warnAfterMs;
}

function sentence({ type, name, heldMs, detail }: Holder): string {
  const since = heldMs === null ? '' : ` for ${formatDuration(Math.round(heldMs / 1_000) * 1_000)}`;
  switch (type) {
    case 'transaction':
      return `A transaction has been open${since} (${name}; ${detail}); nothing that finished since can be vacuumed.`;
    case 'prepared':
      return `The prepared transaction '${name}' (${detail}) has been waiting${since}; nothing that finished since can be vacuumed.`;
    case 'slot':
      return `Nobody reads the ${detail} '${name}', which keeps log and old rows.`;
  }
}
