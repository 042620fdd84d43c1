import type { WhyCode, WhyValue } from '../../packages/millrace/src/core/operator/why.ts';
import type { Identity } from '../../packages/millrace/src/core/storage.ts';
import type { PgStorage } from '../../packages/millrace/src/storage/pg-storage.ts';
import { StandIn } from '../../packages/millrace/src/storage/stand-in.ts';
import type { TestDatabase } from './database.ts';
import { claim, completed, identity, leaseOf, newJob } from './storage.ts';

type Query = Pick<TestDatabase, 'query' | 'url'>;

/** A situation that a job may be in, how it gets there, and what is to be said of it. */
export interface Situation {
  readonly name: string;
  readonly code: WhyCode;
  readonly sentence: RegExp;
  readonly evidence: Readonly<Record<string, WhyValue>>;
  /** Answers with the id of the job. */
  readonly arrange: (place: Place) => Promise<string>;
}

/** A queue of its own with one worker, in the words of the storage. */
export class Place {
  readonly queue: string;
  readonly no: number;
  readonly #storage: PgStorage;
  readonly #database: Query;
  #claims = 0;

  constructor(no: number, storage: PgStorage, database: Query) {
    this.no = no;
    this.queue = `queue ${no}`;
    this.#storage = storage;
    this.#database = database;
  }

  get session() {
    return this.#storage.session();
  }

  async worker(rest: Partial<Identity> = {}): Promise<Identity> {
    const one = identity(this.no, {
      host: 'mill',
      pid: 7,
      queues: [this.queue],
      concurrency: 2,
      ...rest,
    });
    await this.session.register(one);
    return one;
  }

  async job(rest: Parameters<typeof newJob>[0] = {}): Promise<string> {
    const [made] = await this.#storage.enqueue([newJob({ queue: this.queue, ...rest })]);
    return made?.id ?? '';
  }

  async claim(limit = 1): Promise<readonly string[]> {
    this.#claims += 1;
    const queues = [{ queue: this.queue, limit }];
    const jobs = await claim(this.session, this.no, this.#claims, { queues, limit });
    return jobs.map(({ id }) => id);
  }

  settle(id: string, settlement: Parameters<typeof this.session.settle>[0][number]['settlement']) {
    return this.session.settle([{ id, lease: leaseOf(this.no, this.#claims), settlement }]);
  }

  crashes(id: string, crashes: number) {
    return this.#database.query('UPDATE millrace.job SET crashes = $2 WHERE id = $1', [
      id,
      crashes,
    ]);
  }

  dueEarlier(id: string, seconds: number) {
    const text = `UPDATE millrace.job SET run_at = run_at - $2 * interval '1 second' WHERE id = $1`;
    return this.#database.query(text, [id, seconds]);
  }

  pause() {
    const text = `INSERT INTO millrace.queue_pause VALUES ($1, now() - interval '2 minutes', 'ann', 'mail server down')`;
    return this.#database.query(text, [this.queue]);
  }

  cancel(id: string, reason: string) {
    return this.#storage.cancel(id, reason);
  }

  async blocked(boot: string, jobs: readonly string[]): Promise<void> {
    const connection = { connectionString: this.#database.url };
    const standIn = new StandIn({ connection, schema: 'millrace', boot });
    await standIn.beat(5_000, [...jobs]);
    await standIn.close();
  }
}

const error = { name: 'Error', message: 'no luck' };
const longMessage = 'at line\n'.repeat(100);

export async function running(place: Place, crashes = 0): Promise<string> {
  const id = await place.job();
  if (crashes > 0) await place.crashes(id, crashes);
  await place.claim();
  return id;
}

async function failed(place: Place, thrown: typeof error): Promise<string> {
  await place.worker();
  const id = await running(place);
  const delay = { ms: 240_000, from: 'now' } as const;
  await place.settle(id, { type: 'wait', delay, attemptCounts: true, error: thrown });
  return id;
}

const over: readonly Situation[] = [
  {
    name: 'completed',
    code: 'completed',
    sentence: /^Completed .+ ago on test:1, in attempt 1 of 3\.$/,
    evidence: { worker: 'test:1', attempt: 1 },
    async arrange(place) {
      await place.worker();
      const id = await running(place);
      await place.settle(id, completed);
      return id;
    },
  },
  {
    name: 'discarded',
    code: 'discarded',
    sentence: /^Discarded .+ ago because hopeless; the last error was Error: no luck\.$/,
    evidence: { reason: 'hopeless', error: 'no luck' },
    async arrange(place) {
      await place.worker();
      const id = await running(place);
      const reason = 'hopeless';
      await place.settle(id, {
        type: 'finish',
        state: 'discarded',
        result: null,
        reason,
        error,
        keep: true,
      });
      return id;
    },
  },
  {
    name: 'cancelled',
    code: 'cancelled',
    sentence: /^Cancelled .+ ago: not wanted\.$/,
    evidence: { reason: 'not wanted' },
    async arrange(place) {
      const id = await place.job();
      await place.cancel(id, 'not wanted');
      return id;
    },
  },
];

const claimed: readonly Situation[] = [
  {
    name: 'running, and asked to stop',
    code: 'running',
    sentence: /^Running for .+ on mill:7, in attempt 1 of 3; .+ sign of life .+ ago; it was asked/,
    evidence: { worker: 'mill:7', cancelRequested: true },
    async arrange(place) {
      await place.worker();
      const id = await running(place);
      await place.cancel(id, 'not wanted');
      return id;
    },
  },
  {
    name: 'running where the event loop is blocked',
    code: 'blocked',
    sentence: /^Running for .+; the event loop of that process has been blocked for 5s\.$/,
    evidence: { worker: 'mill:7' },
    async arrange(place) {
      const { boot } = await place.worker();
      const id = await running(place);
      await place.blocked(boot, [id]);
      return id;
    },
  },
  {
    name: 'claimed ahead, and waiting in the hands of its worker',
    code: 'in_hand',
    sentence: /^Claimed .+ ago by mill:7, where it waits for one of 2 slots behind 2 jobs\.$/,
    evidence: { worker: 'mill:7', concurrency: 2, claimedBefore: 2 },
    async arrange(place) {
      await place.worker();
      await place.job();
      await place.job();
      const id = await place.job();
      await place.claim(3);
      return id;
    },
  },
  {
    name: 'claimed by a worker that is gone',
    code: 'owner_gone',
    sentence: /^Claimed .+ ago by a worker that is no longer registered/,
    evidence: { liveWorkers: 0 },
    async arrange(place) {
      await place.worker();
      const id = await running(place);
      await place.session.unregister(place.no);
      return id;
    },
  },
];

const later: readonly Situation[] = [
  {
    name: 'due later',
    code: 'due_later',
    sentence: /^Due in (?:4m|3m 59s), at \d{4}-.+Z\.$/,
    evidence: {},
    arrange: (place) => place.job({ delayMs: 240_000 }),
  },
  {
    name: 'due later, in a queue that is paused',
    code: 'due_later',
    sentence: /^Due in .+; besides, queue 'queue \d+' is paused\.$/,
    evidence: {},
    async arrange(place) {
      await place.pause();
      return place.job({ delayMs: 240_000 });
    },
  },
  {
    name: 'failed, to be retried',
    code: 'retry_later',
    sentence: /^Attempt 1 of 3 failed after Error: no luck; the next one is due in .+m/,
    evidence: { attempt: 1, maxAttempts: 3, error: 'no luck' },
    arrange: (place) => failed(place, error),
  },
  {
    name: 'failed with an error of many long lines',
    code: 'retry_later',
    sentence:
      /^Attempt 1 of 3 failed after Error: at line at line .{1,200}…; the next one is due in .+\.$/,
    evidence: { error: longMessage },
    arrange: (place) => failed(place, { ...error, message: longMessage }),
  },
  {
    name: 'a suspect that was put off',
    code: 'suspect_put_off',
    sentence: /^Put off for .+: it was in hand when a process died, 2 times, so it runs alone/,
    evidence: { crashes: 2 },
    async arrange(place) {
      await place.worker();
      const id = await running(place, 2);
      await place.settle(id, { type: 'giveBack', delayMs: 60_000 });
      return id;
    },
  },
];

const due: readonly Situation[] = [
  {
    name: 'in a paused queue',
    code: 'queue_paused',
    sentence: /^Queue 'queue \d+' was paused 2m.* ago by ann: mail server down\.$/,
    evidence: { pausedBy: 'ann', reason: 'mail server down' },
    async arrange(place) {
      await place.worker();
      await place.pause();
      return place.job();
    },
  },
  {
    name: 'in a queue that nobody ever served',
    code: 'unserved',
    sentence: /^No live worker serves queue 'queue \d+'\.$/,
    evidence: { workersOfQueue: 0, lastServedBy: null },
    arrange: (place) => place.job(),
  },
  {
    name: 'in a queue whose last worker is gone',
    code: 'unserved',
    sentence:
      /^No live worker serves queue 'queue \d+'; the last that did was mill:7, which went .+ ago\.$/,
    evidence: { lastServedBy: 'mill:7' },
    async arrange(place) {
      await place.worker();
      await place.session.unregister(place.no);
      return place.job();
    },
  },
  {
    name: 'of a kind that no worker of its queue handles',
    code: 'unserved',
    sentence: /^No live worker of queue 'queue \d+' handles 'test'\.$/,
    evidence: { workersOfQueue: 1 },
    async arrange(place) {
      await place.worker({ kinds: ['other'] });
      return place.job();
    },
  },
  {
    name: 'of a kind that a flag holds back',
    code: 'held_by_flag',
    sentence: /^Held back by a flag: `enabled` of 'test' says no on every worker.+\(1\)\.$/,
    evidence: { workers: ['mill:7'] },
    async arrange(place) {
      await place.worker();
      await place.session.holdKinds(place.no, ['test']);
      return place.job();
    },
  },
  {
    name: 'behind others',
    code: 'behind',
    sentence:
      /^Due, and behind 2 jobs of higher priority and 1 job due earlier at its own in queue .+, which 1 worker serves\.$/,
    evidence: { higherPriority: 2, earlier: 1, atLeast: false },
    async arrange(place) {
      await place.worker();
      await place.job();
      const id = await place.job();
      await place.job({ priority: 5 });
      await place.job({ priority: 9 });
      // Neither is before it: one is of no kind that anybody handles, one is not due.
      await place.job({ priority: 9, kind: 'other' });
      await place.job({ priority: 9, delayMs: 60_000 });
      return id;
    },
  },
  {
    name: 'while all workers are busy',
    code: 'workers_busy',
    sentence: /^Due and next in line, but at their last heartbeat 2 of 2 slots/,
    evidence: { running: 2, slots: 2, workers: 1 },
    async arrange(place) {
      await place.worker();
      await place.session.beat(place.no, null, 2);
      return place.job();
    },
  },
  {
    name: 'a suspect',
    code: 'suspect',
    sentence: /^Due; it was in hand when a process died, 2 times, so it waits for a worker/,
    evidence: { crashes: 2 },
    async arrange(place) {
      await place.worker();
      const id = await place.job();
      await place.crashes(id, 2);
      return id;
    },
  },
  {
    name: 'passed by',
    code: 'passed_by',
    sentence: /^Due for 10s with nothing before it and a slot free: .+ within 40s\.$/,
    evidence: { sweepWithinMs: 40_000 },
    async arrange(place) {
      await place.worker();
      const id = await place.job();
      await place.dueEarlier(id, 10);
      return id;
    },
  },
  {
    name: 'about to start',
    code: 'due_now',
    sentence: /^Due for \d+ms, and next in line: it should start any moment\.$/,
    evidence: { workers: 1 },
    async arrange(place) {
      await place.worker();
      return place.job();
    },
  },
];

/** Every reason that there is. */
export const situations: readonly Situation[] = [...over, ...claimed, ...later, ...due];
