/** The times by which one observer judges the others; parameters so that tests can shrink them together. */
export interface ObserverTimes {
  /** A lock seen held and then free is proof after the second look, this much later at least. */
  readonly freeForMs: number;
  /** A lock that was free all along proves something only when the observer's own session is older than this. */
  readonly graceMs: number;
  /** A beat that stands still for so long is a dead process where there is no lock, and a frozen one where there is. */
  readonly silentForMs: number;
  /** When its own looks are further apart than this, the observer was away, and what it saw before proves nothing. */
  readonly longestGapMs: number;
}

/** The times of rescue; parameters so that tests can shrink them together. */
export interface RescueTimes extends ObserverTimes {
  /** Between two looks of the two lookouts. */
  readonly lookMs: number;
  /** Between two looks of everybody else. */
  readonly restMs: number;
  /** A death that would quarantine a job is believed after so long without a sign of life. */
  readonly doubtMs: number;
}

/** The times of liveness. Only tests change them. What depends on what is written down in decision 0009. */
export interface Tuning extends RescueTimes {
  /** Between two heartbeats of a worker or scheduler. */
  readonly heartbeatMs: number;
  /** The longest a worker sleeps while notifications arrive, and while they do not; before jitter. */
  readonly backstopMs: number;
  readonly pollMs: number;
  /** The least that a suspect waits to be alone. */
  readonly patienceMs: number;
  /** An event loop that stands still for longer is blocked. */
  readonly blockedForMs: number;
}

/** What everybody gets. */
export const defaultTuning: Tuning = {
  heartbeatMs: 3_000,
  lookMs: 500,
  restMs: 3_000,
  doubtMs: 60_000,
  freeForMs: 1_000,
  graceMs: 10_000,
  silentForMs: 12_000,
  longestGapMs: 10_000,
  backstopMs: 30_000,
  pollMs: 1_000,
  patienceMs: 10_000,
  blockedForMs: 1_000,
};
