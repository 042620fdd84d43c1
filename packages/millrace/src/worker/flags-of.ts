import { toAttemptError } from '../core/attempt-error.ts';
import type { Emit } from '../core/events.ts';
import type { Flags, FlagSource } from '../core/flags.ts';
import type { ClaimedJob } from '../core/job.ts';
import { defaults } from '../core/options.ts';

/** Flags as the handler of a job asks for them. Where nobody answers, the handler's own fallback does. */
export function flagsOf(job: ClaimedJob, source: FlagSource | undefined, emit: Emit): Flags {
  const { id, kind, queue, attempt } = job;
  const about = { kind, queue, jobId: id, attempt };
  const ask = async <T>(
    name: string,
    fallback: T,
    answer: (from: FlagSource) => T | Promise<T>,
  ): Promise<T> => {
    if (source === undefined) return fallback;
    try {
      return await answer(source);
    } catch (error) {
      emit('flag:failed', {
        flag: name,
        kind,
        error: toAttemptError(error, defaults.errorMaxBytes),
      });
      return fallback;
    }
  };
  return {
    boolean: (name, fallback) => ask(name, fallback, (from) => from.boolean(name, fallback, about)),
    number: (name, fallback) => ask(name, fallback, (from) => from.number(name, fallback, about)),
    string: (name, fallback) => ask(name, fallback, (from) => from.string(name, fallback, about)),
  };
}
