import type { Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { AnyJobDefinition } from '../core/job-definition.ts';
import type { Middleware } from '../core/middleware.ts';
import type { WorkerOptions } from '../core/millrace.ts';
import type { WorkSession } from '../core/storage.ts';
import type { Company } from './company.ts';
import type { Surroundings } from './run-attempt.ts';
import type { WorkerFacts } from './session.ts';

/** What a worker is made of. */
export interface WorkerParts extends Pick<
  Surroundings,
  'enqueue' | 'enqueueMany' | 'flags' | 'isolation' | 'logFor' | 'aroundAttempt' | 'began'
> {
  readonly options: WorkerOptions;
  /** The definitions of the application. */
  readonly jobs: Iterable<AnyJobDefinition>;
  /** Stands around the handlers of all of them. Default: nothing. */
  readonly use?: readonly Middleware[];
  /** Shared with the other services of this process. */
  readonly port: WorkSession;
  /** Checks, before the first claim, that the database can be worked with; throws the error that says why not. */
  readonly prepare: () => Promise<unknown>;
  /** The worker has stopped and uses nothing any more. */
  readonly release: () => Promise<unknown>;
  /** Shared with the other workers of this process. */
  readonly company: Company;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly random: () => number;
  readonly process: Pick<WorkerFacts, 'boot' | 'host' | 'pid' | 'version'>;
  readonly resultMaxBytes: number;
  /** Between two heartbeats. */
  readonly heartbeatMs: number;
  /** The longest wait between two claims that found nothing, while notifications arrive and while they do not. */
  readonly backstopMs: number;
  readonly pollMs: number;
  /** For so long, at least, a suspect waits to be alone. */
  readonly patienceMs: number;
}
