import type { JobContext } from '../core/job-definition.ts';
import type { Flags } from '../core/flags.ts';
import { progressOf } from '../core/progress.ts';
import { flagsOf } from './flags-of.ts';
import type { HeldJob } from './held-job.ts';
import type { Surroundings } from './run-attempt.ts';

const origin = Symbol('origin');

/** What the properties are made from that most handlers never ask for. */
interface Origin {
  readonly held: HeldJob;
  readonly around: Surroundings;
  flags: Flags | undefined;
}

type WithOrigin = { readonly [origin]: Origin };

function asked<T>(get: (from: Origin) => T): PropertyDescriptor & ThisType<WithOrigin> {
  return {
    enumerable: true,
    configurable: true,
    get() {
      return get(this[origin]);
    },
  };
}

/**
 * The properties are the context's own, so that a copy of it has them. An object literal with getters would do the same, but
 * each would have functions of its own, for which V8 gives every single object a dictionary: 1.2 µs and 1.6 kB a job.
 */
const signal = asked(({ held }) => held.signal);
const logger = asked(({ held, around }) => (held.log ??= around.logFor(held.ref)).logger);
const flags = asked(
  (from) => (from.flags ??= flagsOf(from.held.job, from.around.flags, from.around.emit)),
);

export function contextOf(held: HeldJob, around: Surroundings): JobContext {
  const { job } = held;
  const { enqueue, enqueueMany } = around;
  const context = {
    id: job.id,
    kind: job.kind,
    queue: job.queue,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    tags: job.meta.tags ?? [],
    createdAt: new Date(job.createdMs),
    scheduledAt: new Date(job.scheduledMs),
    progress: (percent: number, note?: string) =>
      around.progress.report(held, progressOf(percent, note)),
    enqueue,
    enqueueMany,
  };
  Object.defineProperty(context, origin, { value: { held, around, flags: undefined } });
  Object.defineProperty(context, 'signal', signal);
  Object.defineProperty(context, 'logger', logger);
  return Object.defineProperty(context, 'flags', flags) as JobContext;
}
