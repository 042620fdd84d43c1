import { pause } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { AnyJobDefinition } from '../core/job-definition.ts';
import type { SchedulerParts, Scheduler } from '../scheduler/scheduler.ts';
import { schedulerOf, workerOf, type Composition } from '../runtime.ts';
import type { Row } from '../storage/connection.ts';
import { PgStorage } from '../storage/pg-storage.ts';
import { Pool } from '../storage/pool.ts';
import { Route } from '../storage/route.ts';
import type { StatementOf } from '../storage/sql/statement.ts';
import { systemClock } from '../system-clock.ts';
import { Company } from '../worker/company.ts';
import type { JobWorker } from '../worker/worker.ts';
import type { Ledger } from './ledger.ts';
import { Life, type CrashPoint } from './life.ts';
import { mortalSession } from './mortal-session.ts';

/** The end of a session is known to the server a moment after it. */
const rescuePauseMs = 2;
const rescueWithinMs = 10_000;

interface PlayedProcessParts {
  readonly all: Composition;
  readonly ledger: Ledger;
  readonly emit: Emit;
  readonly concurrency: number;
  readonly end?: CrashPoint | undefined;
}

/**
 * A process with a worker and connections of its own, played inside the process of the test. It has none of what runs in
 * the background of a real one: it does what it is told, and nothing between.
 */
export class PlayedProcess {
  readonly life: Life;
  readonly #parts: PlayedProcessParts;
  readonly #pool: Pool;
  readonly #storage: PgStorage;
  readonly #session: SchedulerParts['session'];
  readonly #emit: Emit;
  #worker: { readonly queues: ReadonlySet<string>; readonly worker: JobWorker } | undefined;
  /** The identity of the worker. */
  #no = 0;

  constructor(parts: PlayedProcessParts) {
    const {
      place: { names, connections },
      process,
    } = parts.all;
    const life = new Life(parts.end);
    const pool = new Pool(connections.connection);
    this.life = life;
    this.#parts = parts;
    this.#pool = pool;
    this.#storage = new PgStorage({
      names,
      pool,
      direct: new Route(connections.direct, () => {}),
      clock: life.clock,
      label: `${process.host}:${process.pid}`,
    });
    this.#session = mortalSession({
      session: this.#storage.session(),
      life,
      ledger: parts.ledger,
      registered: (no) => {
        this.#no = no;
      },
      sourceOf: (isolation) => ({ begin: (body) => pool.transaction(isolation, body) }),
    });
    this.#emit = (name, data) => {
      if (!life.isOver) parts.emit(name, data);
    };
  }

  /** One claim of these queues and all that comes of it; answers with the number of jobs, null when the process died. */
  async run(
    queues: readonly string[],
    handlers: readonly AnyJobDefinition[],
  ): Promise<number | null> {
    const worker = await this.#workerFor(queues, handlers);
    return Promise.race([worker.tick(), this.life.over.then(() => null)]);
  }

  async #workerFor(
    queues: readonly string[],
    handlers: readonly AnyJobDefinition[],
  ): Promise<JobWorker> {
    const present = this.#worker;
    if (present !== undefined && queues.every((queue) => present.queues.has(queue)))
      return present.worker;
    await present?.worker.stop();
    const all = new Set([...(present?.queues ?? []), ...queues]);
    const { clock } = this.life;
    const { concurrency } = this.#parts;
    const worker = workerOf(
      this.#parts.all,
      { concurrency, queues: [...all], handlers },
      {
        clock,
        port: this.#session,
        use: [this.#parts.ledger.noting, ...this.#parts.all.use],
        prepare: () => this.#session.open(),
        release: () => Promise.resolve(),
        company: new Company(clock),
        emit: this.#emit,
        began: () => () => {},
      },
    );
    this.#worker = { queues: all, worker };
    return worker;
  }

  scheduler(): Scheduler {
    return schedulerOf(
      this.#parts.all,
      {},
      {
        clock: this.life.clock,
        session: this.#session,
        prepareDatabase: () => this.#session.open(),
        release: () => Promise.resolve(),
        emit: this.#emit,
      },
    );
  }

  readSchedules(names: readonly string[]): ReturnType<SchedulerParts['session']['readSchedules']> {
    return this.#session.readSchedules(names);
  }

  /** A statement of the testing kit. */
  query(of: StatementOf, values: readonly string[] = []): Promise<Row[]> {
    return this.#pool.query({ text: of(this.#parts.all.place.names).text }, values);
  }

  /** Cuts the connections of a process that has died, and has another one find that out and rescue its jobs. */
  async bury(successor: PlayedProcess): Promise<void> {
    await this.#storage.close();
    const session = successor.#storage.session();
    const deadline = systemClock.monotonicMs() + rescueWithinMs;
    const isInTime = () => systemClock.monotonicMs() < deadline;
    while (isInTime()) {
      const { sightings } = await session.look();
      const mine = sightings.find(({ no }) => no === this.#no);
      if (mine === undefined) break;
      const [dead] = await session.declareDead([{ no: mine.no, beat: mine.beat, crashed: true }]);
      if (dead !== undefined) break;
      await pause(systemClock, rescuePauseMs);
    }
    for (;;) {
      const { rescued, busy } = await session.rescue({ ended: [this.#no], living: [] });
      for (const job of rescued) successor.#emit('job:rescued', job);
      if (busy === 0 || !isInTime()) break;
      await pause(systemClock, rescuePauseMs);
    }
    this.#parts.ledger.crashed();
  }

  async close(): Promise<void> {
    if (!this.life.isOver) await this.#worker?.worker.stop();
    await this.#storage.close();
  }
}
