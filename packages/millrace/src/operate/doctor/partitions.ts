import { judgeOf } from './judge.ts';

/** Maintenance makes a week ahead each time; so close to the end it has not run for days. */
const tooCloseDays = 3;

export const partitions = judgeOf(
  'partitions',
  (facts) => facts.partitions,
  ({ missing, mend }) => {
    const close = missing.filter(({ daysAhead }) => daysAhead < tooCloseDays);
    return [...Map.groupBy(close, ({ parent }) => parent)].map(([parent, days]) => {
      const first = Math.min(...days.map(({ daysAhead }) => daysAhead));
      const day = ['today', 'tomorrow', 'the day after tomorrow'][first] ?? `in ${first} days`;
      return {
        severity: first === 0 ? ('problem' as const) : ('warning' as const),
        message: `The table ${parent} has no partition for ${day}; no worker or scheduler has made any lately.`,
        mend,
      };
    });
  },
);
