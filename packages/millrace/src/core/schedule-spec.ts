import { cron } from './cron.ts';
import { every, type FireTimes } from './schedule.ts';

/** The fire times that a stored spec means, or null for one that no `every` or `cron` of this release writes. */
export function fireTimesOf(spec: string): FireTimes | null {
  try {
    const times = read(spec);
    // Whatever reads back as something else has another meaning than these words have here.
    return times?.spec === spec ? times : null;
  } catch {
    return null;
  }
}

function read(spec: string): FireTimes | null {
  const interval = /^every (\d+)ms$/.exec(spec)?.[1];
  if (interval !== undefined) return every(Number(interval));
  const [, expression, timeZone] = /^cron (.+) (\S+)$/.exec(spec) ?? [];
  if (expression === undefined || timeZone === undefined) return null;
  return cron(expression, { timeZone });
}
