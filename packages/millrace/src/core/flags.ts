import { check, checkOptions } from './options.ts';
import { MillraceError } from './errors.ts';

/** What a flag is asked about, for rules that tell some jobs from others. */
export interface FlagSubject {
  readonly kind: string;
  readonly queue: string;
  /** Only where a job runs; not where its kind as a whole is judged. */
  readonly jobId?: string;
  readonly attempt?: number;
}

/**
 * Where flags are decided, such as what `openFeature(client)` of `millrace/openfeature` makes. Rejects when it does not
 * know; then the last known answer holds, or the fallback.
 */
export interface FlagSource {
  boolean(name: string, fallback: boolean, about: FlagSubject): boolean | Promise<boolean>;
  number(name: string, fallback: number, about: FlagSubject): number | Promise<number>;
  string(name: string, fallback: string, about: FlagSubject): string | Promise<string>;
}

/** Flags as a handler asks for them. None of these rejects: what is not known is the fallback. */
export interface Flags {
  boolean(name: string, fallback: boolean): Promise<boolean>;
  number(name: string, fallback: number): Promise<number>;
  string(name: string, fallback: string): Promise<string>;
}

/** A flag that says whether the jobs of a kind may run. */
export interface Flag {
  readonly flag: string;
  readonly fallback: boolean;
}

/** What `flag` takes. */
export interface FlagOptions {
  /** What holds until the flag is known, and where `createMillrace` has no `flags`. Default true. */
  readonly default?: boolean;
}

/**
 * Whether the jobs of a kind may run at present. A function is asked once a second by each worker; what it answered last
 * holds while it throws, and until its first answer nothing runs.
 */
export type Enabled = Flag | (() => boolean | Promise<boolean>);

const flagChecks = { default: check.boolean } as const;
const flagName = check.text(200);

/**
 * A flag of `flags` in `createMillrace`, for `enabled` of a definition.
 * @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID
 */
export function flag(name: string, options: FlagOptions = {}): Flag {
  const checked = checkOptions(flagChecks, options, 'flag');
  return Object.freeze({ flag: flagName(name, 'flag'), fallback: checked.default ?? true });
}

/** Judges `enabled` of a definition. @throws MILLRACE_OPTION_INVALID */
export function enabledOf(value: unknown, what: string): Enabled | undefined {
  if (value === undefined || typeof value === 'function') return value as Enabled | undefined;
  if (typeof value === 'object' && value !== null && 'flag' in value && 'fallback' in value)
    return value as Flag;
  throw new MillraceError('MILLRACE_OPTION_INVALID', `${what} must be flag(…) or a function`);
}

/** Judges `flags` of createMillrace. @throws MILLRACE_OPTION_INVALID */
export function flagSourceOf(value: unknown): FlagSource | undefined {
  const isSource =
    value === undefined ||
    (typeof value === 'object' &&
      value !== null &&
      (['boolean', 'number', 'string'] as const).every(
        (name) => typeof (value as Partial<FlagSource>)[name] === 'function',
      ));
  if (isSource) return value as FlagSource | undefined;
  throw new MillraceError(
    'MILLRACE_OPTION_INVALID',
    'createMillrace.flags must be what openFeature(…) answers, or have boolean, number and string',
  );
}
