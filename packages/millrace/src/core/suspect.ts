/**
 * Jobs that may be the ones that end their process. Whoever is in a process that dies may have done it, or was merely
 * there. Two deaths make a job a suspect, whoever else was there; from then on it runs with nothing else in its
 * process, and only a death meanwhile counts.
 */
import type { AttemptError, ClaimedJob } from './job.ts';

/** So many deaths make a suspect. One more, alone, and the job is quarantined. */
export const suspectCrashes = 2;

/** Of the time since it became due, a suspect may wait this part for the others to end. */
const patienceShare = 0.1;

/** Whether a job may only be run alone. */
export function isSuspect({ crashes }: Pick<ClaimedJob, 'crashes'>): boolean {
  return crashes >= suspectCrashes;
}

/**
 * How long a suspect waits, at most, for what runs to end, while its process starts nothing new. It grows with the time
 * since the job became due, so that it runs in the end, however long the others take; a due time from before the job
 * was enqueued is no time waited.
 */
export function patienceMs(
  {
    createdMs,
    scheduledMs,
    claimedMs,
  }: Pick<ClaimedJob, 'createdMs' | 'scheduledMs' | 'claimedMs'>,
  leastMs: number,
): number {
  return Math.max(leastMs, (claimedMs - Math.max(createdMs, scheduledMs)) * patienceShare);
}

/** What a quarantined job ends with. */
export const quarantine: { readonly reason: string; readonly error: AttemptError } = {
  reason: `it ended its process ${suspectCrashes + 1} times, the last time while it ran alone`,
  error: {
    name: 'MillraceError',
    message: `its process ended ${suspectCrashes + 1} times with this job in hand, the last time with nothing else in it`,
    code: 'MILLRACE_JOB_QUARANTINED',
  },
};
