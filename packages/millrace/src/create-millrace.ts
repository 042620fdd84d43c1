import type { Millrace, MillraceOptions } from './core/millrace.ts';
import { defaultTuning } from './core/tuning.ts';
import { composeMillrace } from './runtime.ts';

/**
 * Makes the one object of an application. It opens no connection before it is used.
 *
 * A file of its own, so that the declarations that an application reads are those of `core` and need none of `pg`.
 * @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID, MILLRACE_KIND_DUPLICATE
 */
export function createMillrace(options: MillraceOptions = {}): Millrace {
  return composeMillrace(options, defaultTuning);
}
