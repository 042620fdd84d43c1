import type { Health } from '../core/health.ts';

/** What the supervisor sends to its children over their channel. */
export type ToChild =
  /** Stop within the grace; with `now` at once. */
  | { readonly type: 'stop'; readonly now: boolean }
  /** This process has certainly ended. */
  | { readonly type: 'ended'; readonly boot: string }
  | { readonly type: 'ask'; readonly no: number };

/** What a child sends to its supervisor. */
export type FromChild =
  | { readonly type: 'hello'; readonly boot: string }
  | { readonly type: 'ready' }
  | { readonly type: 'usage'; readonly rssBytes: number; readonly jobs: number }
  | { readonly type: 'answer'; readonly no: number; readonly health: Health }
  | { readonly type: 'done'; readonly givenBack: number };

/** Tells a process that it has a supervisor. */
export const supervisedVariable = 'MILLRACE_SUPERVISED';
