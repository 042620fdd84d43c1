import type { Names } from '../names.ts';

/**
 * Suspects: `alone` is the job that runs with nothing else in the process of its worker. A process of an older release
 * never says so, and what it was running when it died is never taken for what ended it.
 */
export function suspects({ schema: s }: Names): string {
  return `
ALTER TABLE ${s}.worker ADD COLUMN alone bigint;
ALTER TABLE ${s}.worker_dead ADD COLUMN alone bigint;
`;
}
