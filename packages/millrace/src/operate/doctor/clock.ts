import { formatDuration } from '../../core/duration.ts';
import { judgeOf } from './judge.ts';

/** Less is lost in the time that an answer takes. */
const leastSkewMs = 2_000;

/** What is due is decided by the server's clock, so a skew only hurts times that were computed here. */
export const clock = judgeOf(
  'clock',
  (facts) => facts.clock,
  ({ serverMs, hereMs, roundTripMs }) => {
    const skewMs = serverMs - hereMs;
    if (Math.abs(skewMs) < leastSkewMs + roundTripMs / 2) return [];
    return [
      {
        severity: 'warning',
        message: `The server's clock is ${formatDuration(Math.round(Math.abs(skewMs)))} ${skewMs > 0 ? 'ahead of' : 'behind'} the clock here; \`scheduledAt\` computed here is off by as much.`,
        mend: 'Synchronize both clocks, for example with chrony.',
      },
    ];
  },
);
