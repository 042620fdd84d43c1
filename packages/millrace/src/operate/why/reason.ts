import { formatDuration } from '../../core/duration.ts';
import type { AttemptError } from '../../core/job.ts';
import { boundedText } from '../../core/text.ts';
import type { Why, WhyFacts, WhyWorker } from '../../core/operator/why.ts';

/** One possible answer: the sentence, its code and what it is made of. */
export type Reason = Omit<Why, 'id'>;

/** Answers if it is the reason. Those before it in the list are not. */
export type Rule = (facts: WhyFacts) => Reason | undefined;

export function since(at: Date, { now }: WhyFacts): number {
  return Math.max(0, Math.round(now.getTime() - at.getTime()));
}

/** As much of an error as a sentence takes; the evidence has all of it. */
export function brief({ name, message }: AttemptError): string {
  return boundedText(`${name}: ${message}`, 200);
}

/** `4m 10s ago`. */
export function ago(at: Date, facts: WhyFacts): string {
  return `${formatDuration(since(at, facts))} ago`;
}

export function place({ host, pid }: Pick<WhyWorker, 'host' | 'pid'>): string {
  return `${host}:${pid}`;
}

export function jobs(count: number): string {
  return count === 1 ? '1 job' : `${count} jobs`;
}

/** Who handles jobs of its kind. */
export function handling({ job, workers }: WhyFacts): readonly WhyWorker[] {
  return workers.filter(({ kinds }) => kinds.includes(job.kind));
}

/** Who would take the job, if nothing held it back. */
export function serving(facts: WhyFacts): readonly WhyWorker[] {
  const { payloadVersion } = facts.job;
  return handling(facts).filter((worker) => payloadVersion <= newestKnown(worker, facts));
}

/** The newest payload version that a worker knows of the job's kind. */
export function newestKnown({ kinds, versions }: WhyWorker, { job }: WhyFacts): number {
  return versions?.[kinds.indexOf(job.kind)] ?? Number.POSITIVE_INFINITY;
}

/** A job that is not due yet may meet a pause as well. */
export function alsoPaused({ job, pause }: WhyFacts): string {
  return pause === null ? '' : `; besides, queue '${job.queue}' is paused`;
}

/** What is to be said of a job that runs, whatever else is. */
export function runningSince(facts: WhyFacts, owner: WhyWorker): Omit<Reason, 'code'> {
  const { claimedAt, attempt, maxAttempts, cancelRequested } = facts.job;
  const started = claimedAt ?? facts.now;
  const asked = cancelRequested ? '; it was asked to stop' : '';
  return {
    sentence: `Running for ${formatDuration(since(started, facts))} on ${place(owner)}, in attempt ${attempt} of ${maxAttempts}; that worker last gave a sign of life ${ago(owner.seenAt, facts)}${asked}`,
    evidence: {
      claimedAt: started.toISOString(),
      worker: place(owner),
      seenAt: owner.seenAt.toISOString(),
      attempt,
      maxAttempts,
      cancelRequested,
    },
  };
}
