import { pause, type Clock } from '../core/clock.ts';
import { MillraceError } from '../core/errors.ts';
import type { ProgressReport } from '../core/progress.ts';
import type {
  ClaimAnswer,
  ClaimRequest,
  Held,
  Identity,
  JobTransaction,
  ListenerState,
  Look,
  NewJob,
  Notice,
  KnownEnds,
  RescueAnswer,
  ScheduleClaim,
  SettleAnswer,
  SettleRequest,
  Sighting,
  StoredSchedule,
  UnservedJobs,
  WorkSession,
} from '../core/storage.ts';
import type { FinishedState } from '../core/job.ts';
import type { JobClaim, JobClaimer } from '../core/operator/run.ts';
import type { IsolationLevel, TransactionSource } from '../core/transaction.ts';
import { Claimant } from './claimant.ts';
import { causeCode, rethrow } from './errors.ts';
import { executorOf } from './executors/executor-of.ts';
import { Housekeeping } from './housekeeping.ts';
import { noPartition, PgJobTransaction } from './job-transaction.ts';
import { laneMessage, Listener } from './listener.ts';
import type { Names } from './names.ts';
import { openBySource } from './open-transaction.ts';
import { PipelinedSession } from './pipelined-session.ts';
import type { Pool } from './pool.ts';
import type { Route } from './route.ts';
import { toClaimed, toFirstWaiting, toRecords, toSettleColumns, toUnserved } from './rows.ts';
import { toUnwritten, toWritten } from './settle-answer.ts';
import { claimJob } from './sql/claim-job.ts';
import { besidesAt } from './sql/claimed-job.ts';
import * as liveness from './sql/liveness.ts';
import { reportProgress } from './sql/progress.ts';
import * as schedules from './sql/schedules.ts';
import { cancelRequests, holds, settle, transfer, whereabouts } from './sql/settle.ts';

/** A row that somebody holds is asked for this often before the transfer goes on without it. */
const transferTries = 10;
const transferPauseMs = 50;

/**
 * A heartbeat without an answer for this long means that the session leads nowhere. With the pause before it, that is soon
 * enough to give a sign of life by another way before the others judge by the silence.
 */
const beatAnswerMs = 5_000;

/** The work of one worker or scheduler, on one connection of its own and the pool where a session is not needed. */
export class PgWorkSession implements WorkSession {
  readonly #names: Names;
  readonly #session: PipelinedSession;
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #label: string;
  readonly #listener: Listener;
  readonly #housekeeping: Housekeeping;
  /** The identities that live on the present connection. */
  readonly #claimants = new Map<number, Claimant>();

  constructor(parts: { names: Names; route: Route; pool: Pool; clock: Clock; label: string }) {
    this.#names = parts.names;
    this.#pool = parts.pool;
    this.#clock = parts.clock;
    this.#label = parts.label;
    this.#housekeeping = new Housekeeping(parts.route, parts.names);
    this.#session = new PipelinedSession(parts.route, parts.names);
    this.#session.onLost(() => this.#claimants.clear());
    this.#listener = new Listener({
      route: parts.route,
      channel: parts.names.channel,
      clock: parts.clock,
      cursors: {
        rewind: (to) => {
          for (const claimant of this.#claimants.values()) claimant.rewind(to);
        },
        reset: () => {
          for (const claimant of this.#claimants.values()) claimant.reset();
        },
      },
    });
  }

  async open(): Promise<void> {
    this.#pool.shareWithWorker();
    await this.#session.open().catch(rethrow);
  }

  register(identity: Identity): Promise<boolean> {
    return this.#register(identity).catch(rethrow);
  }

  /**
   * First the lock, then the row: the other way round a new worker would look dead at birth. Behind a pooler a lock would
   * belong to somebody else; there the heartbeat alone says who lives.
   */
  async #register(identity: Identity): Promise<boolean> {
    const { no } = identity;
    const session = await this.#session.open();
    if (!session.isPooled) {
      const [lock] = await this.#session.queryOn(session, liveness.takeLock, [no]);
      if (lock?.['taken'] !== true) return false;
    }
    this.#claimants.set(no, new Claimant(no, this.#session, session, this.#clock));
    const columns = identityColumns(identity, session.isPooled ? 'heartbeat' : 'session');
    if ((await this.#session.queryOn(session, liveness.register, columns)).length > 0) return true;
    await this.#leave(no);
    return false;
  }

  /** The lock was taken on this very connection: if the server does not know of it, this is another session. */
  async beat(no: number, alone: string | null, running?: number): Promise<boolean> {
    const session = await this.#session.open();
    const values = [no, alone, running ?? null];
    const [row] = await this.#session.queryOn(session, liveness.beat, values, beatAnswerMs);
    const isHome = this.#claimants.get(no)?.session === session;
    if (row?.['held'] === false && isHome) this.#session.distrust(session);
    return row !== undefined;
  }

  async stamp(no: number): Promise<void> {
    const { text } = liveness.stamp(this.#names);
    await this.#pool.query({ text }, [String(no)]);
  }

  onLost(callback: () => void): () => void {
    return this.#session.onLost(callback);
  }

  async #leave(no: number): Promise<void> {
    const claimant = this.#claimants.get(no);
    this.#claimants.delete(no);
    await claimant?.free();
  }

  async transfer(request: {
    readonly held: readonly Held[];
    readonly lease: string;
    readonly from: number;
    readonly reason: string;
  }): Promise<readonly string[]> {
    const moved: string[] = [];
    let open = request.held;
    for (let tries = 1; open.length > 0; tries++) {
      const columns = [open.map((job) => job.id), open.map((job) => job.lease), request.lease];
      const rows = await this.#session.query(transfer, columns);
      const busy = new Set(rows.filter((row) => row['moved'] !== true).map((row) => row['id']));
      moved.push(...rows.filter((row) => row['moved'] === true).map((row) => row['id'] as string));
      open = open.filter((job) => busy.has(job.id));
      if (tries >= transferTries) break;
      if (open.length > 0) await pause(this.#clock, transferPauseMs);
    }
    await this.#session.query(liveness.retire, [request.from, request.reason]);
    await this.#leave(request.from);
    return moved;
  }

  async unregister(no: number): Promise<void> {
    await this.#session.query(liveness.unregister, [no]);
    await this.#leave(no);
  }

  async holdKinds(no: number, kinds: readonly string[]): Promise<void> {
    await this.#session.query(liveness.holdKinds, [no, kinds]);
  }

  async claim({ worker, ...request }: ClaimRequest): Promise<ClaimAnswer> {
    const claimant = this.#claimants.get(worker);
    if (claimant === undefined)
      throw new MillraceError('MILLRACE_DB_UNREACHABLE', 'the session was lost');
    const { unwritten, ...answer } = await this.#withPartitions(() =>
      claimant.claim(request, this.#label),
    );
    if (unwritten.length === 0) return { ...answer, unwritten: [] };
    const left = new Set(unwritten);
    return {
      ...answer,
      unwritten: await this.#lookUp(request.completed.filter(({ id }) => left.has(id))),
    };
  }

  async claimJob(request: Parameters<JobClaimer['claimJob']>[0]): Promise<JobClaim> {
    const { worker, lease, id, version } = request;
    const claimant = this.#claimants.get(worker);
    if (claimant === undefined)
      throw new MillraceError('MILLRACE_DB_UNREACHABLE', 'the session was lost');
    const values = [id, lease, worker, version];
    const [row = []] = await this.#session.listOn(claimant.session, claimJob, values);
    const [status, state, atMs] = row.slice(besidesAt) as [JobClaim['status'], unknown, number];
    if (status === 'claimed') return { status, job: toClaimed(row, lease, atMs) };
    return status === 'finished' ? { status, state: state as FinishedState } : { status };
  }

  /** A write that may add to the history. The table of the day is missing when its clock stepped, or nobody ran for a week. */
  async #withPartitions<T>(run: () => Promise<T>): Promise<T> {
    return run().catch(async (error: unknown) => {
      if (causeCode(error) !== noPartition) throw error;
      await this.createPartitions();
      return run();
    });
  }

  async wait(worker: number, queues: readonly string[]): Promise<void> {
    await this.#claimants.get(worker)?.wait(queues);
  }

  async endWait(worker: number): Promise<void> {
    await this.#claimants.get(worker)?.endWait();
  }

  async settle(requests: readonly SettleRequest[]): Promise<SettleAnswer[]> {
    const columns = [...toSettleColumns(requests), this.#label];
    const written = await this.#withPartitions(() => this.#session.query(settle, columns));
    for (const job of toFirstWaiting(written)) this.#listener.deliver(laneMessage(job));
    const ids = new Set(written.map((row) => row['id']));
    const left = requests.filter(({ id }) => !ids.has(id));
    return [...written.map(toWritten), ...(left.length > 0 ? await this.#lookUp(left) : [])];
  }

  async reportProgress(reports: readonly ProgressReport[]): Promise<void> {
    await this.#session.query(reportProgress, [
      reports.map(({ id }) => id),
      reports.map(({ lease }) => lease),
      reports.map(({ percent }) => percent),
      reports.map(({ note }) => note),
    ]);
  }

  /**
   * What became of jobs that were not found under their leases, or whose rows were held. Without an answer they count as
   * held, and are asked for again: what the call before it has written or claimed is not to be forgotten over that.
   */
  async #lookUp(requests: readonly SettleRequest[]): Promise<SettleAnswer[]> {
    const columns = [requests.map(({ id }) => id), requests.map(({ lease }) => lease)];
    return this.#session.query(whereabouts, columns).then(
      (rows) => rows.map(toUnwritten),
      () => requests.map(({ id }) => ({ id, status: 'busy' })),
    );
  }

  async holds(held: readonly Held[]): Promise<readonly string[]> {
    const rows = await this.#session.query(holds, [
      held.map((job) => job.id),
      held.map((job) => job.lease),
    ]);
    return rows.map((row) => row['id'] as string);
  }

  async cancelRequests(
    ids: readonly string[],
  ): Promise<readonly { readonly id: string; readonly reason: string }[]> {
    const rows = await this.#session.query(cancelRequests, [ids]);
    return rows.map((row) => ({ id: row['id'] as string, reason: row['reason'] as string }));
  }

  async begin(from: IsolationLevel | TransactionSource<unknown>): Promise<JobTransaction> {
    const open =
      typeof from === 'string'
        ? await this.#pool.begin(from)
        : await openBySource(from, executorOf);
    return new PgJobTransaction({
      open,
      names: this.#names,
      lookUp: async (request) =>
        (await this.#lookUp([request]))[0] ?? { id: request.id, status: 'lost' },
      label: this.#label,
      createPartitions: () => this.createPartitions(),
    });
  }

  listen(
    onNotice: (notice: Notice) => void,
    onState: (state: ListenerState) => void,
  ): { stop(): Promise<void> } {
    return this.#listener.subscribe(onNotice, onState);
  }

  async adoptSchedules(
    identity: Identity,
    list: readonly ScheduleClaim[],
    starting: boolean,
  ): Promise<boolean> {
    const adopting = this.#session.transaction([
      [schedules.lockSchedules, [`millrace schedules ${this.#names.plainSchema}`]],
      [liveness.register, identityColumns(identity, 'heartbeat')],
      [
        schedules.adoptSchedules,
        [
          identity.no,
          list.map(({ name }) => name),
          list.map(({ kind }) => kind),
          list.map(({ spec }) => spec),
          list.map(({ runOnStart }) => runOnStart),
          starting,
        ],
      ],
      [liveness.isRegistered, [identity.no, identity.boot]],
    ]);
    return (await adopting.catch(rethrow)).length > 0;
  }

  async readSchedules(names: readonly string[]): Promise<readonly StoredSchedule[]> {
    const rows = await this.#session.query(schedules.readSchedules, [names]);
    return rows.map((row) => ({
      name: row['name'] as string,
      kind: row['kind'] as string,
      spec: row['spec'] as string,
      anchorMs: Math.round(row['anchor_ms'] as number),
      lastFireMs: Math.round(row['last_fire_ms'] as number),
      nowMs: row['now_ms'] as number,
      paused: row['paused'] as boolean,
    }));
  }

  async fire(fire: {
    readonly name: string;
    readonly spec: string;
    readonly fireMs: number;
    readonly job: NewJob;
  }): Promise<string | null> {
    const [row] = await this.#session.query(schedules.fireSchedule, [
      fire.name,
      fire.spec,
      fire.fireMs,
      toRecords([fire.job]),
    ]);
    // Whoever waits on this very session cannot be seen from it.
    if (row !== undefined) this.#listener.deliver(`jobs ${fire.job.queue}`);
    return (row?.['id'] as string | undefined) ?? null;
  }

  async letGo(name: string, spec: string, untilMs: number): Promise<void> {
    await this.#session.query(schedules.letGo, [name, spec, untilMs]);
  }

  /**
   * A connection to a pooler outlives what happens to the server, so a lock that is free there proves nothing: whoever looks
   * through one judges everybody by the heartbeat.
   */
  async look(): Promise<Look> {
    const session = await this.#session.open();
    const rows = await this.#session.queryOn(session, liveness.sightings, []);
    const sightings = rows as unknown as Sighting[];
    if (!session.isPooled) return { session, sightings };
    return { session, sightings: sightings.map((each) => ({ ...each, mode: 'heartbeat' })) };
  }

  async declareDead(
    found: readonly { readonly no: number; readonly beat: string; readonly crashed: boolean }[],
  ): Promise<readonly number[]> {
    const rows = await this.#session.query(liveness.declareDead, [
      found.map(({ no }) => no),
      found.map(({ beat }) => beat),
      found.map(({ crashed }) => crashed),
    ]);
    return rows.map((row) => row['no'] as number);
  }

  rescue(known: KnownEnds = { ended: [], living: [] }): Promise<RescueAnswer> {
    return this.#withPartitions(() => this.#housekeeping.rescue(known));
  }

  async unserved(dueForMs: number): Promise<readonly UnservedJobs[]> {
    const rows = await this.#session.query(liveness.unserved, [dueForMs]);
    return rows.map(toUnserved);
  }

  createPartitions(): Promise<readonly string[]> {
    return this.#housekeeping.createPartitions();
  }

  dropPartitions(keep: {
    readonly completedMs: number;
    readonly failedMs: number;
  }): Promise<readonly string[]> {
    return this.#housekeeping.dropPartitions(keep);
  }

  async close(): Promise<void> {
    this.#claimants.clear();
    await this.#session.close();
  }
}

function identityColumns(identity: Identity, mode: Sighting['mode']): unknown[] {
  const { no, boot, role, host, pid, version, kinds, queues, schedules: known } = identity;
  const { concurrency = null, versions = null } = identity;
  return [no, boot, role, host, pid, version, kinds, queues, known, mode, concurrency, versions];
}
