import type { AttemptError, ClaimedJob } from '../core/job.ts';
import type { Json } from '../core/json.ts';
import type { Progress } from '../core/progress.ts';
import type { OutcomeRequest } from '../core/outcome.ts';

/** What a worker says to the thread or process of a job. */
export type ToIsolate =
  | { readonly type: 'run'; readonly module: string; readonly job: ClaimedJob }
  | { readonly type: 'abort'; readonly code: string; readonly message: string };

/** How a handler ended. `obeyed`: it threw the reason of its signal. */
export type IsolatedEnd =
  | { readonly returned: Json | undefined }
  | { readonly unkept: string }
  | { readonly asked: OutcomeRequest; readonly why: string }
  | { readonly failed: AttemptError }
  | { readonly obeyed: true };

/** What it says back. */
export type FromIsolate =
  | { readonly type: 'ended'; readonly end: IsolatedEnd }
  | { readonly type: 'progress'; readonly progress: Progress }
  | {
      readonly type: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly details: object;
      readonly message: string;
    };
