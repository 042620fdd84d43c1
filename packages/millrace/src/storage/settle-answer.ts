import type { JobState } from '../core/job.ts';
import type { SettleAnswer } from '../core/storage.ts';
import type { Row } from './connection.ts';

/** A row of the statement `settle`. */
export function toWritten(row: Row): SettleAnswer {
  return { id: row['id'] as string, status: 'written', state: row['state'] as JobState };
}

/** A row of the statement `whereabouts`. */
export function toUnwritten(row: Row): SettleAnswer {
  return { id: row['id'] as string, status: row['status'] as 'already' | 'busy' | 'lost' };
}
