import { toAttemptError } from '../core/attempt-error.ts';
import type { Clock } from '../core/clock.ts';
import { MillraceError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { OnPass } from '../core/health.ts';
import type { AnyJobDefinition, JobRequest } from '../core/job-definition.ts';
import { Loop } from '../core/loop.ts';
import type { Scheduler as PublicScheduler } from '../core/millrace.ts';
import type { EnqueueAnswer } from '../core/middleware.ts';
import { defaults } from '../core/options.ts';
import { planFires } from '../core/schedule.ts';
import type { Schedule } from '../core/schedule-options.ts';
import type { Identity, NewJob, StoredSchedule, WorkSession } from '../core/storage.ts';

/** A schedule together with what it enqueues. */
interface Entry {
  readonly definition: AnyJobDefinition;
  readonly schedule: Schedule;
}

/** What the scheduler is made of. */
export interface SchedulerParts {
  readonly session: WorkSession;
  readonly clock: Clock;
  readonly random: () => number;
  readonly emit: Emit;
  readonly onPass: OnPass;
  readonly definitions: readonly AnyJobDefinition[];
  /** Draws a new identity for the role of a scheduler that knows these schedules. */
  readonly identity: (schedules: readonly string[]) => Identity;
  /** Takes a job through all that comes before `store`. */
  readonly enqueueBy: (
    request: JobRequest,
    store: (job: NewJob) => Promise<EnqueueAnswer>,
  ) => Promise<EnqueueAnswer>;
  /** Before the first pass: checks that the database can be worked with. */
  readonly prepareDatabase: () => Promise<void>;
  /** After the last pass. */
  readonly release: () => Promise<void>;
  readonly run: (scheduler: Scheduler, signal: AbortSignal | undefined) => Promise<void>;
  /** Between two heartbeats, and at most between two looks at the schedules. */
  readonly beatMs: number;
}

/**
 * Makes jobs of fire times. Any number of schedulers may run: the database decides who makes the job of a fire time, and
 * its clock decides when. A schedule that fails, in its payload or in the database, delays no other.
 */
export class Scheduler implements PublicScheduler {
  readonly #parts: SchedulerParts;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #loop: Loop;
  #identity: Identity | undefined;
  #registering: Promise<void> | undefined;
  #adopted = false;
  #beatDueMs = 0;
  #listening: { stop(): Promise<void> } | undefined;
  #isStopping = false;
  readonly #stopped = Promise.withResolvers<void>();

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
    this.#entries = new Map(
      parts.definitions.flatMap((definition) =>
        definition.settings.schedules.map(
          (schedule) => [schedule.name, { definition, schedule }] as const,
        ),
      ),
    );
    this.#loop = new Loop({
      pass: async () => (await this.#pass()).nextInMs,
      clock: parts.clock,
      random: parts.random,
      onPass: (nextInMs) => parts.onPass('scheduler', nextInMs),
      onError: (error) =>
        parts.emit('loop:failed', {
          loop: 'scheduler',
          error: toAttemptError(error, defaults.errorMaxBytes),
        }),
    });
  }

  async start(): Promise<void> {
    await this.#register();
    if (this.#isStopping) return this.#refuse();
    // The clock of a database under test can be moved; in production this channel carries nothing for schedulers.
    this.#listening ??= this.#parts.session.listen(
      (notice) => {
        if (notice.type === 'clock') this.#loop.wake();
      },
      () => {},
    );
    await this.#loop.start();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all([this.#loop.stop(), this.#listening?.stop()]);
    await this.#leave();
    this.#stopped.resolve();
  }

  async #leave(): Promise<void> {
    const identity = this.#identity;
    this.#identity = undefined;
    // Without the database the others find out by the heartbeat.
    if (identity !== undefined) await this.#parts.session.unregister(identity.no).catch(() => {});
    await this.#parts.release();
  }

  /** A stop may come in the midst of a registration, and has left by then. */
  async #refuse(): Promise<never> {
    await this.#leave();
    throw new MillraceError('MILLRACE_STOPPED', 'the scheduler was stopped');
  }

  run(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#parts.run(this, options.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Resolves when it has been stopped, whoever asked for it. */
  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  /** One pass over all schedules; answers with the number of jobs it made. */
  async tick(): Promise<number> {
    return (await this.#pass()).fired;
  }

  async #pass(): Promise<{ fired: number; nextInMs: number }> {
    await this.#register();
    await this.#beat();
    const stored = await this.#parts.session.readSchedules([...this.#entries.keys()]);
    let fired = 0;
    let nextInMs = this.#parts.beatMs;
    for (const row of stored) {
      const entry = this.#entries.get(row.name);
      // Another release, started later, has given this name another meaning; its processes fire it.
      if (entry === undefined || entry.schedule.times.spec !== row.spec || row.paused) continue;
      const result = await this.#fireDue(entry, row);
      fired += result.fired;
      if (result.nextMs !== null)
        nextInMs = Math.min(nextInMs, Math.max(0, result.nextMs - row.nowMs));
    }
    return { fired, nextInMs };
  }

  async #fireDue(
    { definition, schedule }: Entry,
    row: StoredSchedule,
  ): Promise<{ fired: number; nextMs: number | null }> {
    const { session, emit } = this.#parts;
    const { name, times, rule } = schedule;
    let fired = 0;
    try {
      const plan = planFires({ ...row, times, rule });
      if (plan.letGoMs !== null) {
        if (plan.fire.length === 0) await session.letGo(name, row.spec, plan.letGoMs);
        emit('schedule:skipped', { schedule: name, until: new Date(plan.letGoMs) });
      }
      for (const fireMs of plan.fire) {
        const fireTime = new Date(fireMs);
        const jobId = await this.#fire({ definition, schedule }, row.spec, fireTime);
        if (jobId === undefined) emit('schedule:skipped', { schedule: name, until: fireTime });
        if (jobId === undefined || jobId === null) continue;
        fired += 1;
        emit('schedule:fired', {
          schedule: name,
          kind: definition.kind,
          fireTime,
          jobId,
          lateMs: row.nowMs - fireMs,
        });
      }
      return { fired, nextMs: plan.nextMs };
    } catch (error) {
      emit('schedule:failed', {
        schedule: name,
        error: toAttemptError(error, defaults.errorMaxBytes),
      });
      return { fired, nextMs: null };
    }
  }

  /** The job that it made; null when it was another's; undefined when middleware wants none for this fire time. */
  async #fire(
    { definition, schedule }: Entry,
    spec: string,
    fireTime: Date,
  ): Promise<string | null | undefined> {
    const { session, enqueueBy } = this.#parts;
    const { name } = schedule;
    const fireMs = fireTime.getTime();
    let jobId: string | null | undefined;
    const request = {
      definition,
      payload: schedule.payload({ fireTime }),
      options: { scheduledAt: fireTime },
    };
    await enqueueBy(request, async (prepared) => {
      const job = { ...prepared, meta: { ...prepared.meta, schedule: name } };
      jobId = await session.fire({ name, spec, fireMs, job });
      return jobId === null ? null : { status: 'created', id: jobId };
    });
    if (jobId === undefined) await session.letGo(name, spec, fireMs);
    return jobId;
  }

  /** Once at a time: of two identities one would be nobody's. */
  #register(): Promise<void> {
    this.#registering ??= this.#enrol()
      .catch((error: unknown) => {
        // A stop closes the connection that a registration under way waits for.
        if (this.#isStopping) return this.#refuse();
        throw error;
      })
      .finally(() => {
        this.#registering = undefined;
      });
    return this.#registering;
  }

  async #enrol(): Promise<void> {
    if (this.#isStopping) return this.#refuse();
    if (this.#identity !== undefined) return;
    await this.#parts.prepareDatabase();
    const list = [...this.#entries.values()].map(({ definition, schedule }) => ({
      name: schedule.name,
      kind: definition.kind,
      spec: schedule.times.spec,
      runOnStart: schedule.runOnStart,
    }));
    const known = list.map(({ name, spec }) => `${name} ${spec}`);
    let identity = this.#parts.identity(known);
    while (!(await this.#parts.session.adoptSchedules(identity, list, !this.#adopted))) {
      identity = this.#parts.identity(known);
    }
    this.#identity = identity;
    this.#adopted = true;
    this.#beatDueMs = this.#parts.clock.monotonicMs() + this.#parts.beatMs;
  }

  async #beat(): Promise<void> {
    const { clock, session, beatMs } = this.#parts;
    if (this.#identity === undefined || clock.monotonicMs() < this.#beatDueMs) return;
    this.#beatDueMs = clock.monotonicMs() + beatMs;
    if (await session.beat(this.#identity.no, null)) return;
    // The others took it for dead. It comes back as somebody who joins, and fires nothing for that.
    this.#identity = undefined;
    await this.#register();
  }
}
