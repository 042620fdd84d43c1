import { MillraceError } from '../core/errors.ts';
import type { FlagSource, FlagSubject } from '../core/flags.ts';

/** What of an evaluation is looked at. */
interface Details<T> {
  readonly value: T;
  readonly errorCode?: string;
  readonly errorMessage?: string;
}

/** Is also what a client of `@openfeature/server-sdk` takes. */
type EvaluationContext = Record<string, string | number>;

/** The part of a client of `@openfeature/server-sdk` that is used. */
export interface OpenFeatureClient {
  getBooleanDetails(
    name: string,
    fallback: boolean,
    context?: EvaluationContext,
  ): Promise<Details<boolean>>;
  getNumberDetails(
    name: string,
    fallback: number,
    context?: EvaluationContext,
  ): Promise<Details<number>>;
  getStringDetails(
    name: string,
    fallback: string,
    context?: EvaluationContext,
  ): Promise<Details<string>>;
}

/**
 * Flags as a client of OpenFeature knows them: `createMillrace({ flags: openFeature(OpenFeature.getClient()) })`. The
 * context of each evaluation names `kind` and `queue`, and inside a handler `jobId`, `attempt` and, as `targetingKey`, the
 * job.
 * @throws MILLRACE_OPTION_INVALID
 */
export function openFeature(client: OpenFeatureClient): FlagSource {
  if (typeof (client as Partial<OpenFeatureClient> | null)?.getBooleanDetails !== 'function') {
    throw new MillraceError(
      'MILLRACE_OPTION_INVALID',
      'openFeature: pass a client, such as OpenFeature.getClient() answers',
    );
  }
  return {
    boolean: async (name, fallback, about) =>
      valueOf(name, await client.getBooleanDetails(name, fallback, contextOf(about))),
    number: async (name, fallback, about) =>
      valueOf(name, await client.getNumberDetails(name, fallback, contextOf(about))),
    string: async (name, fallback, about) =>
      valueOf(name, await client.getStringDetails(name, fallback, contextOf(about))),
  };
}

function contextOf({ kind, queue, jobId, attempt }: FlagSubject): EvaluationContext {
  return {
    kind,
    queue,
    ...(jobId === undefined ? {} : { jobId, targetingKey: jobId }),
    ...(attempt === undefined ? {} : { attempt }),
  };
}

/** OpenFeature never rejects: it answers with the fallback and says why. */
function valueOf<T>(name: string, { value, errorCode, errorMessage }: Details<T>): T {
  if (errorCode === undefined) return value;
  throw new Error(`flag '${name}': ${errorCode}${errorMessage ? `: ${errorMessage}` : ''}`);
}
