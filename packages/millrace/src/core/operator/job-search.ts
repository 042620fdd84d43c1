/** How operators look for jobs: what a filter may ask for, and how far a search came. */
import type { Job, JobState } from '../job.ts';
import type { Json } from '../json.ts';

/** A filter, judged and completed. All that it names must hold. */
export interface JobFilter {
  readonly states?: readonly JobState[] | undefined;
  readonly kind?: string | undefined;
  readonly queue?: string | undefined;
  readonly tag?: string | undefined;
  /** The payload contains this, as `@>` of PostgreSQL says. */
  readonly payload?: Json | undefined;
  /** The error of the last attempt that did not complete contains this text, in any case. */
  readonly error?: string | undefined;
  /** Enqueued longer ago, or less long ago. */
  readonly olderThan?: number | undefined;
  readonly newerThan?: number | undefined;
  /** A time, or how many milliseconds ago. With one of these the order is that of the time of finishing. */
  readonly finishedSince?: Date | number | undefined;
  readonly finishedUntil?: Date | number | undefined;
}

/** Which part of the answer is wanted. */
export interface PageRequest {
  readonly limit: number;
  /** As an earlier page answered. */
  readonly cursor: string | undefined;
  /** After so long the search stops where it is. */
  readonly budgetMs: number;
}

/** How far a search came that stopped because its time was over: everything newer has been looked at. */
export type SearchedTo = { readonly id: string } | { readonly finishedAt: Date };

interface Found<T> {
  readonly jobs: readonly T[];
  /** Pass it to go on; null when there is nothing more. */
  readonly cursor: string | null;
  /** Null unless the time was over before the page was full. */
  readonly searchedTo: SearchedTo | null;
}

/** A page of `list`. */
export type JobPage = Found<Job>;

/** What a verb needs to know of a job. */
export interface JobName {
  readonly id: string;
  readonly kind: string;
  readonly state: JobState;
}

export interface JobFinder {
  find(filter: JobFilter, page: PageRequest): Promise<JobPage>;
  /** The same without what the jobs carry. */
  findNames(filter: JobFilter, page: PageRequest): Promise<Found<JobName>>;
  /** Those of these jobs that exist. */
  namesOf(ids: readonly string[]): Promise<readonly JobName[]>;
  /** The highest id, `0` when there are no jobs. */
  newestId(): Promise<string>;
}

/** A place in the order of finishing, as a cursor tells it. */
export const finishedCursor = /^(\d{1,16})-(\d{1,19})$/;
