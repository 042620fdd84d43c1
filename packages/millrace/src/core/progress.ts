import { boundedText, describe } from './text.ts';

/** How far a job has come, as its handler last said. */
export interface JobProgress {
  /** 0 to 100. */
  readonly percent: number;
  readonly note: string | null;
  /** The attempt that said so. */
  readonly attempt: number;
  readonly reportedAt: Date;
}

/** What a handler says. */
export type Progress = Pick<JobProgress, 'percent' | 'note'>;

/** The same, on its way to where the job is. */
export interface ProgressReport extends Progress {
  readonly id: string;
  /** It counts only while the job is running under this lease. */
  readonly lease: string;
}

const noteMaxBytes = 1_024;

/** Whatever a handler says is made to fit: no job is to fail by what it says of itself. */
export function progressOf(percent: number, note?: string): Progress {
  const within = Math.min(100, Math.max(0, percent));
  return {
    percent: Number.isNaN(within) ? 0 : within,
    note: note === undefined ? null : boundedText(describe(note), noteMaxBytes),
  };
}
