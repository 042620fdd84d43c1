import type {
  AnyJobDefinition,
  InputOf,
  JobRequest,
  JobRequestOptions,
  PayloadArgs,
} from './job-definition.ts';
import type { TransactionHandle } from './transaction-handles.ts';

/** What enqueueing takes beside the payload. */
export interface EnqueueOptions extends JobRequestOptions {
  /** Your own open transaction, of any library that Millrace knows: the job exists if, and only if, it commits. */
  readonly tx?: TransactionHandle;
}

/** What enqueueing answers. `deduplicated`: an unfinished job with this unique key existed; its id is given. */
export interface EnqueueResult {
  readonly status: 'created' | 'deduplicated';
  readonly id: string;
}

/** Enqueues one job. */
export type Enqueue = <D extends AnyJobDefinition>(
  definition: D,
  ...payloadAndOptions: PayloadArgs<InputOf<D>, EnqueueOptions>
) => Promise<EnqueueResult>;

/** Enqueues many jobs, all or none, and answers in their order. */
export type EnqueueMany = (
  jobs: Iterable<JobRequest> | AsyncIterable<JobRequest>,
  options?: Pick<EnqueueOptions, 'tx'>,
) => Promise<EnqueueResult[]>;
