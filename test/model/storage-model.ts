import { isFinished, isHeldUnder, type Row } from './rows.ts';

/** A row, and where it stands among the others. */
export interface ModelJob extends Row {
  readonly id: string;
  readonly priority: number;
  readonly isDue: boolean;
  /** Grows from statement to statement, as the clock does. */
  readonly place: number;
}

/** A worker as the database knows it, and what it was given under which leases. */
export interface ModelWorker {
  /** 0 when it has none. */
  no: number;
  /** Whether the session is open that the incarnation's lock is held on. */
  hasLock: boolean;
  hands: Lease[];
}

export interface Lease {
  readonly id: string;
  readonly lease: number;
}

/** What a storage must hold after the commands so far. */
export class StorageModel {
  readonly jobs = new Map<string, ModelJob>();
  readonly workers: readonly ModelWorker[];
  readonly registered = new Set<number>();
  /** Incarnations that were given up or declared dead, and whether they were seen to crash. */
  readonly dead = new Map<number, boolean>();
  /** Numbers of those that ended well: nobody needs to remember them, and they may be drawn again. */
  readonly free = new Set<number>();
  /** Every lease that there ever was. */
  readonly leases: Lease[] = [];
  /** The job whose row somebody holds. */
  locked: string | undefined;
  #moment = 0;

  constructor(workers: number) {
    this.workers = Array.from({ length: workers }, () => ({
      no: 0,
      hasLock: false,
      hands: [],
    }));
  }

  /** Grows with every statement: the number of a claim, the place of what becomes due by it. */
  now(): number {
    return ++this.#moment;
  }

  job(id: string): ModelJob {
    const job = this.jobs.get(id);
    if (job === undefined) throw new Error(`the model has no job ${id}`);
    return job;
  }

  /** Answers with whether the change made a difference. */
  change(id: string, change: (job: ModelJob) => ModelJob): boolean {
    const before = this.job(id);
    this.jobs.set(id, change(before));
    return this.jobs.get(id) !== before;
  }

  isLocked(id: string): boolean {
    return this.locked === id;
  }

  /** What a claim takes: by priority, then by due time, then by id. */
  claimable(limit: number): readonly ModelJob[] {
    return [...this.jobs.values()]
      .filter((job) => job.state === 'waiting' && job.isDue && !this.isLocked(job.id))
      .toSorted(
        (a, b) => b.priority - a.priority || a.place - b.place || Number(a.id) - Number(b.id),
      )
      .slice(0, limit);
  }

  /** What became of a job that a settlement under this lease did not write. */
  whereabouts({ id, lease }: Lease): 'busy' | 'already' | 'lost' {
    const job = this.job(id);
    if (isHeldUnder(job, lease)) return 'busy';
    const left = job.endings.some((one) => one.lease === lease && one.ending !== 'crashed');
    return left || (isFinished(job) && job.lease === lease) ? 'already' : 'lost';
  }
}

/** The state by the name that users know. */
export function stateName({ state, isDue, attempt }: ModelJob): string {
  if (state !== 'waiting') return state;
  if (isDue) return 'available';
  return attempt > 0 ? 'retryable' : 'scheduled';
}
