import { pause, type Clock } from '../core/clock.ts';
import { MillraceError } from '../core/errors.ts';
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
  RescuedJob,
  ScheduleClaim,
  SettleAnswer,
  SettleRequest,
  Sighting,
  StoredSchedule,
  WorkSession,
} from '../core/storage.ts';
import type { IsolationLevel } from '../core/transaction.ts';
import type { Row } from './connection.ts';
import { dropPartitions, type ExpiredPartition } from './drop-partitions.ts';
import { causeCode, explain } from './errors.ts';
import { noPartition, PgJobTransaction } from './job-transaction.ts';
import { Listener } from './listener.ts';
import type { Names } from './names.ts';
import { PipelinedSession } from './pipelined-session.ts';
import type { Pool } from './pool.ts';
import { inTransaction, type Route, type Session } from './route.ts';
import { toClaimed, toRecords, toSettleColumns } from './rows.ts';
import { toUnwritten, toWritten } from './settle-answer.ts';
import { claim, nextDue } from './sql/claim.ts';
import * as liveness from './sql/liveness.ts';
import { createPartitions, expiredPartitions, prune } from './sql/partitions.ts';
import * as schedules from './sql/schedules.ts';
import { cancelRequests, holds, settle, transfer, whereabouts } from './sql/settle.ts';
import type { StatementOf } from './sql/statement.ts';

/** A row that somebody holds is asked for this often before the transfer goes on without it. */
const transferTries = 10;
const transferPauseMs = 50;

/**
 * A heartbeat without an answer for this long means that the session leads nowhere. With the pause before it, that is soon
 * enough to give a sign of life by another way before the others judge by the silence.
 */
const beatAnswerMs = 5_000;

/** What may take long runs on a connection of its own. */
const long = { settings: { statement_timeout: '15s' }, answerMs: 20_000 };

/** The work of one worker or scheduler, on one connection of its own and the pool where a session is not needed. */
export class PgWorkSession implements WorkSession {
  readonly #names: Names;
  readonly #route: Route;
  readonly #session: PipelinedSession;
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #label: string;
  readonly #listener: Listener;
  readonly #poolIsDirect: boolean;
  /** The connection on which each identity lives: where it claims and, unless that is pooled, holds its lock. */
  readonly #homes = new Map<number, Session>();

  constructor(parts: {
    names: Names;
    route: Route;
    pool: Pool;
    clock: Clock;
    label: string;
    /** Whether the pool's connections go where the route goes. */
    poolIsDirect: boolean;
  }) {
    this.#names = parts.names;
    this.#route = parts.route;
    this.#pool = parts.pool;
    this.#clock = parts.clock;
    this.#label = parts.label;
    this.#poolIsDirect = parts.poolIsDirect;
    this.#session = new PipelinedSession(parts.route, parts.names);
    this.#session.onLost(() => this.#homes.clear());
    this.#listener = new Listener({
      route: parts.route,
      channel: parts.names.channel,
      clock: parts.clock,
    });
  }

  async open(): Promise<void> {
    this.#pool.shareWithWorker();
    await this.#session.open().catch((error: unknown) => {
      throw explain(error);
    });
  }

  /**
   * First the lock, then the row: the other way round a new worker would look dead at birth. Behind a pooler a lock would
   * belong to somebody else; there the heartbeat alone says who lives.
   */
  async register(identity: Identity): Promise<boolean> {
    const { no } = identity;
    const session = await this.#session.open();
    if (!session.isPooled) {
      const [lock] = await this.#session.queryOn(session, liveness.takeLock, [no]);
      if (lock?.['taken'] !== true) return false;
    }
    this.#homes.set(no, session);
    const columns = identityColumns(identity, session.isPooled ? 'heartbeat' : 'session');
    if ((await this.#session.queryOn(session, liveness.register, columns)).length > 0) return true;
    await this.#leave(no);
    return false;
  }

  /** The lock was taken on this very connection: if the server does not know of it, this is another session. */
  async beat(no: number): Promise<boolean> {
    const session = await this.#session.open();
    const [row] = await this.#session.queryOn(session, liveness.beat, [no], beatAnswerMs);
    if (row?.['held'] === false && this.#homes.get(no) === session) this.#session.distrust(session);
    return row !== undefined;
  }

  async stamp(no: number): Promise<void> {
    await this.#pool.query(liveness.stamp(this.#names).text, [String(no)]);
  }

  onLost(callback: () => void): () => void {
    return this.#session.onLost(callback);
  }

  /** Frees the lock of an identity that has ended; a lost session has freed it already. */
  async #leave(no: number): Promise<void> {
    const session = this.#homes.get(no);
    this.#homes.delete(no);
    if (session === undefined || session.isPooled) return;
    await this.#session.queryOn(session, liveness.freeLock, [no]).catch(() => {});
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

  /**
   * On the connection that holds the lock: whoever finds the lock free can be sure that no claim is under way. Behind a
   * pooler one may be, and the tombstone keeps it from taking anything.
   */
  async claim(request: ClaimRequest): Promise<ClaimAnswer> {
    const session = this.#homes.get(request.worker);
    if (session === undefined)
      throw new MillraceError('MILLRACE_DB_UNREACHABLE', 'the session was lost');
    const rows = await this.#session.queryOn(session, claim, [
      request.queues.map(({ queue }) => queue),
      request.queues.map(({ limit }) => limit),
      request.limit,
      request.kinds,
      request.lease,
      request.worker,
    ]);
    return { jobs: toClaimed(rows, request.lease), dead: rows[0]?.['dead'] === true };
  }

  async settle(requests: readonly SettleRequest[]): Promise<SettleAnswer[]> {
    const columns = [...toSettleColumns(requests), this.#label];
    const written = await this.#session.query(settle, columns).catch(async (error: unknown) => {
      if (causeCode(error) !== noPartition) throw error;
      await this.createPartitions();
      return this.#session.query(settle, columns);
    });
    const ids = new Set(written.map((row) => row['id']));
    const left = requests.filter(({ id }) => !ids.has(id));
    return [...written.map(toWritten), ...(left.length > 0 ? await this.#lookUp(left) : [])];
  }

  /** What became of jobs that were not found under their leases, or whose rows were held. */
  async #lookUp(requests: readonly SettleRequest[]): Promise<SettleAnswer[]> {
    const columns = [requests.map(({ id }) => id), requests.map(({ lease }) => lease)];
    return (await this.#session.query(whereabouts, columns)).map(toUnwritten);
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

  async nextDueMs(queues: readonly string[]): Promise<number | null> {
    const [row] = await this.#session.query(nextDue, [queues]);
    return (row?.['ms'] as number | null | undefined) ?? null;
  }

  async begin(isolation: IsolationLevel): Promise<JobTransaction> {
    const { client, release } = await this.#pool.begin(isolation);
    const { name, text } = settle(this.#names);
    return new PgJobTransaction({
      client,
      release,
      settle: this.#poolIsDirect && !this.#route.isPooled ? { name, text } : { text },
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
    const rows = await this.#session.transaction([
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
    return rows.length > 0;
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

  async rescue(): Promise<{ readonly rescued: readonly RescuedJob[]; readonly busy: number }> {
    // It looks at every unfinished job on purpose; reading the table in one go is several times cheaper than by index.
    const rows = await this.#aside(liveness.rescue, [], { enable_seqscan: 'on' });
    const held = rows.filter((row) => row['state'] === 'held');
    return {
      rescued: rows.filter((row) => row['state'] !== 'held').map(toRescued),
      busy: held.length,
    };
  }

  async createPartitions(): Promise<readonly string[]> {
    const rows = await this.#aside(createPartitions, []);
    return rows.map((row) => row['created'] as string);
  }

  /** Drops day by day; what somebody reads just now is left for the next call. */
  async dropPartitions(keep: {
    readonly completedMs: number;
    readonly failedMs: number;
  }): Promise<readonly string[]> {
    await this.#aside(prune, [Math.max(keep.completedMs, keep.failedMs)]);
    const expired = await this.#aside(expiredPartitions, [
      this.#names.plainSchema,
      keep.completedMs,
      keep.failedMs,
    ]);
    if (expired.length === 0) return [];
    return this.#onOwnSession((session) =>
      dropPartitions(session, this.#names, expired as unknown as ExpiredPartition[]),
    );
  }

  /** Runs what may take long where no claim, settlement or heartbeat waits behind it. */
  #aside(
    of: StatementOf,
    values: readonly unknown[],
    settings: Readonly<Record<string, string>> = {},
  ): Promise<Row[]> {
    const { text } = of(this.#names);
    return this.#onOwnSession((session) =>
      inTransaction(session, { ...long.settings, ...settings }, [{ text, values }]),
    );
  }

  /** On a connection that is opened for this alone. */
  async #onOwnSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#route.open({ answerMs: long.answerMs });
    try {
      return await work(session);
    } finally {
      // Not awaited: a connection that leads nowhere never ends.
      void session.client.end().catch(() => {});
    }
  }

  async close(): Promise<void> {
    this.#homes.clear();
    await this.#session.close();
  }
}

function identityColumns(identity: Identity, mode: Sighting['mode']): unknown[] {
  const { no, boot, role, host, pid, version, kinds, queues, schedules: known } = identity;
  return [no, boot, role, host, pid, version, kinds, queues, known, mode];
}

function toRescued(row: Row): RescuedJob {
  return {
    id: row['id'] as string,
    kind: row['kind'] as string,
    queue: row['queue'] as string,
    attempt: row['attempt'] as number,
    state: row['state'] as RescuedJob['state'],
  };
}
