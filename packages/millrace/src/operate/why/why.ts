import { MillraceError } from '../../core/errors.ts';
import { isJobId } from '../../core/job.ts';
import type { Why, WhyFacts, WhyReader } from '../../core/operator/why.ts';
import { behind } from './behind.ts';
import { blocked } from './blocked.ts';
import { cancelled } from './cancelled.ts';
import { completed } from './completed.ts';
import { discarded } from './discarded.ts';
import { dueLater } from './due-later.ts';
import { dueNow } from './due-now.ts';
import { heldByFlag } from './held-by-flag.ts';
import { inHand } from './in-hand.ts';
import { newerVersion } from './newer-version.ts';
import { ownerGone } from './owner-gone.ts';
import { passedBy } from './passed-by.ts';
import { queuePaused } from './queue-paused.ts';
import type { Rule } from './reason.ts';
import { retryLater } from './retry-later.ts';
import { running } from './running.ts';
import { suspectInHand } from './suspect-in-hand.ts';
import { suspectPutOff } from './suspect-put-off.ts';
import { suspect } from './suspect.ts';
import { uncounted } from './uncounted.ts';
import { unserved } from './unserved.ts';
import { workersBusy } from './workers-busy.ts';

/** The first that answers is the reason: what is over, what runs, what is not due, what holds a due job back. */
const rules: readonly Rule[] = [
  completed,
  discarded,
  cancelled,
  ownerGone,
  suspectInHand,
  inHand,
  blocked,
  running,
  suspectPutOff,
  retryLater,
  dueLater,
  queuePaused,
  newerVersion,
  unserved,
  heldByFlag,
  behind,
  uncounted,
  workersBusy,
  suspect,
  passedBy,
  dueNow,
];

/**
 * Why a job is where it is, and by what that is known.
 * @throws MILLRACE_JOB_NOT_FOUND, MILLRACE_DB_…
 */
export async function explainJob(id: string, reader: WhyReader): Promise<Why> {
  const facts = isJobId(id) ? await reader.facts(id) : null;
  if (facts === null) throw new MillraceError('MILLRACE_JOB_NOT_FOUND', `there is no job ${id}`);
  return { id, ...reasonOf(facts) };
}

function reasonOf(facts: WhyFacts): Omit<Why, 'id'> {
  for (const rule of rules) {
    const reason = rule(facts);
    // Texts of users may have many lines.
    if (reason !== undefined)
      return { ...reason, sentence: reason.sentence.replaceAll(/\s+/g, ' ') };
  }
  throw new MillraceError('MILLRACE_UNEXPECTED', `job ${facts.job.id} is in no known state`);
}
