import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { hrtime } from 'node:process';

/** How a transaction that enqueued jobs ended; `of`: it is the transaction of that run of a handler. */
export type Fate = 'committed' | 'rolled back' | 'unknown' | { readonly of: string };

/** Kept, because a test may shift the clock of its process. */
const { now: wallMs } = Date;

/** What test processes say of themselves, each when it happens. */
export type LogEntry =
  /** Jobs that somebody enqueued, once the end of their transaction is known. */
  | { readonly what: 'enqueued'; readonly jobs: readonly string[]; readonly fate: Fate }
  /** A claim was answered; `suspects`: those of the jobs that may only be run alone. */
  | {
      readonly what: 'claimed';
      readonly lease: string;
      readonly jobs: readonly string[];
      readonly suspects: readonly string[];
    }
  /** Jobs are about to be moved to a new lease; whether they were is not said. */
  | { readonly what: 'moving'; readonly held: readonly Held[]; readonly lease: string }
  /** Outcomes are about to be written; whether they were is not said. */
  | { readonly what: 'settling'; readonly held: readonly (Held & { readonly to: string })[] }
  /** The answer was lost: these outcomes may have been written, or not. */
  | { readonly what: 'unanswered'; readonly held: readonly Held[] }
  /** These outcomes were refused, because the lease was lost. */
  | { readonly what: 'refused'; readonly held: readonly Held[] }
  | {
      readonly what: 'began';
      readonly run: string;
      readonly job: string;
      readonly kind: string;
      readonly attempt: number;
      readonly lease: string;
      /** It runs in a transaction, and may be run again under the same lease. */
      readonly transactional: boolean;
    }
  | { readonly what: 'aborted'; readonly run: string; readonly code: string }
  | { readonly what: 'ended'; readonly run: string; readonly how: 'returned' | 'threw' }
  /** Another process found this process to have ended. */
  | { readonly what: 'died'; readonly process: number }
  /** Somebody is about to ask to cancel a job. */
  | { readonly what: 'cancelling'; readonly job: string }
  /** The database's time is about to be so far ahead of the time of day. */
  | { readonly what: 'stepping'; readonly aheadMs: number };

interface Held {
  readonly id: string;
  readonly lease: string;
}

/** An entry with who wrote it, and when: by the clock that all processes of the machine share, and by the time of day. */
export type LogLine = LogEntry & {
  readonly pid: number;
  readonly monotonicMs: number;
  readonly wallMs: number;
};

/** The time by the clock that all processes of the machine share. */
export function machineMs(): number {
  return Number(hrtime.bigint()) / 1e6;
}

/** A file outside the database that many processes add lines to, and that survives whatever becomes of them. */
export class HistoryLog {
  readonly file: string;
  readonly #descriptor: number;
  /** The numbers of processes are used again in a long test. */
  readonly #writer = `${process.pid}.${randomBytes(2).toString('hex')}`;
  #runs = 0;

  constructor(file: string) {
    this.file = file;
    this.#descriptor = openSync(file, 'a');
  }

  /** One call, so that lines of several processes never mix and a killed process leaves no half of one. */
  write(entry: LogEntry): void {
    const when = { monotonicMs: machineMs(), wallMs: wallMs() };
    writeSync(this.#descriptor, `${JSON.stringify({ ...entry, pid: process.pid, ...when })}\n`);
  }

  /** Numbers the run and says that it begins. */
  begin(run: Omit<Extract<LogEntry, { what: 'began' }>, 'what' | 'run'>): string {
    this.#runs += 1;
    const name = `${this.#writer}.${this.#runs}`;
    this.write({ what: 'began', run: name, ...run });
    return name;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Line by line: the log of a long test does not fit into one string. */
export function readLog(file: string): LogLine[] {
  const bytes = readFileSync(file);
  const lines: LogLine[] = [];
  for (let begin = 0, end; (end = bytes.indexOf('\n', begin)) !== -1; begin = end + 1)
    lines.push(JSON.parse(bytes.toString('utf8', begin, end)) as LogLine);
  return lines;
}
