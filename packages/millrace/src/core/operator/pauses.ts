/** Since when, by whom and why something is paused. */
export interface Pause {
  readonly at: Date;
  readonly by: string;
  readonly reason: string;
}

/** A queue of which nothing is claimed. */
export interface QueuePause extends Pause {
  readonly queue: string;
}

/** What came of pausing. `already`: somebody had paused it before, and that pause stays. */
export interface PauseAnswer {
  readonly status: 'paused' | 'already';
  readonly pause: QueuePause;
}

/** What came of resuming; the pause that ended. */
export type ResumeAnswer =
  | { readonly status: 'resumed'; readonly pause: QueuePause }
  | { readonly status: 'not_paused' };

/** What `pauseQueue` and `pauseSchedule` take. */
export interface PauseOptions {
  /** Who pauses it, for whoever asks why. */
  readonly by: string;
  readonly reason: string;
}

/** Pauses as they are stored. */
export interface PauseStore {
  pause(queue: string, options: PauseOptions): Promise<PauseAnswer>;
  resume(queue: string): Promise<ResumeAnswer>;
}
