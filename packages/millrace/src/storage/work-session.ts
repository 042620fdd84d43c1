import type pg from 'pg';
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
import type { IsolationLevel, TransactionSource } from '../core/transaction.ts';
import { PipelinedSession, type ClientConfig, type Row } from './connection.ts';
import { causeCode, explain } from './errors.ts';
import { executorOf } from './executors/executor-of.ts';
import { noPartition, PgJobTransaction } from './job-transaction.ts';
import { Listener } from './listener.ts';
import type { Names } from './names.ts';
import { quoteIdentifier } from './names.ts';
import { openBySource } from './open-transaction.ts';
import type { Pool } from './pool.ts';
import { toClaimed, toRecords, toSettleColumns } from './rows.ts';
import { toUnwritten, toWritten } from './settle-answer.ts';
import { claim, nextDue } from './sql/claim.ts';
import * as liveness from './sql/liveness.ts';
import { createPartitions, expiredPartitions, prune } from './sql/partitions.ts';
import * as schedules from './sql/schedules.ts';
import { cancelRequests, holds, settle, transfer, whereabouts } from './sql/settle.ts';

/** A row that somebody holds is asked for this often before the transfer goes on without it. */
const transferTries = 10;
const transferPauseMs = 50;

/** The work of one worker or scheduler, on one connection of its own and the pool where a session is not needed. */
export class PgWorkSession implements WorkSession {
  readonly #names: Names;
  readonly #session: PipelinedSession;
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #label: string;
  readonly #listener: Listener;
  readonly #poolIsDirect: boolean;
  /** The connection on which each identity's lock is held. */
  readonly #locks = new Map<number, pg.Client>();

  constructor(parts: {
    names: Names;
    config: () => ClientConfig;
    pool: Pool;
    clock: Clock;
    label: string;
    /** Whether the pool's connections go to the server itself. */
    poolIsDirect: boolean;
  }) {
    this.#names = parts.names;
    this.#pool = parts.pool;
    this.#clock = parts.clock;
    this.#label = parts.label;
    this.#poolIsDirect = parts.poolIsDirect;
    this.#session = new PipelinedSession(parts.config, parts.names);
    this.#session.onLost(() => this.#locks.clear());
    this.#listener = new Listener({
      config: parts.config,
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

  /** First the lock, then the row: the other way round a new worker would look dead at birth. */
  async register(identity: Identity): Promise<boolean> {
    const { no } = identity;
    const client = await this.#session.open();
    const [lock] = await this.#session.queryOn(client, liveness.takeLock, [no]);
    if (lock?.['taken'] !== true) return false;
    this.#locks.set(no, client);
    const columns = identityColumns(identity, 'session');
    if ((await this.#session.queryOn(client, liveness.register, columns)).length > 0) return true;
    await this.#free(no);
    return false;
  }

  async beat(no: number): Promise<boolean> {
    return (await this.#session.query(liveness.beat, [no])).length > 0;
  }

  async stamp(no: number): Promise<void> {
    await this.#pool.query(liveness.stamp(this.#names).text, [String(no)]);
  }

  onLost(callback: () => void): () => void {
    return this.#session.onLost(callback);
  }

  /** The lock of an identity that has ended; a lost session has freed it already. */
  async #free(no: number): Promise<void> {
    const client = this.#locks.get(no);
    this.#locks.delete(no);
    if (client === undefined) return;
    await this.#session.queryOn(client, liveness.freeLock, [no]).catch(() => {});
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
    await this.#free(request.from);
    return moved;
  }

  async unregister(no: number): Promise<void> {
    await this.#session.query(liveness.unregister, [no]);
    await this.#free(no);
  }

  /** On the connection that holds the lock: whoever finds the lock free can be sure that no claim is under way. */
  async claim(request: ClaimRequest): Promise<ClaimAnswer> {
    const client = this.#locks.get(request.worker);
    if (client === undefined)
      throw new MillraceError('MILLRACE_DB_UNREACHABLE', 'the session was lost');
    const rows = await this.#session.queryOn(client, claim, [
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

  async begin(from: IsolationLevel | TransactionSource<unknown>): Promise<JobTransaction> {
    const open =
      typeof from === 'string'
        ? await this.#pool.begin(from, this.#poolIsDirect)
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
    const rows = await this.#session.transaction({}, [
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

  async look(): Promise<Look> {
    const session = await this.#session.open();
    const sightings = await this.#session.queryOn(session, liveness.sightings, []);
    return { session, sightings: sightings as unknown as Sighting[] };
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
    const rows = await this.#session.transaction({ enable_seqscan: 'on' }, [[liveness.rescue, []]]);
    const held = rows.filter((row) => row['state'] === 'held');
    return {
      rescued: rows.filter((row) => row['state'] !== 'held').map(toRescued),
      busy: held.length,
    };
  }

  async createPartitions(): Promise<readonly string[]> {
    const rows = await this.#session.query(createPartitions, []);
    return rows.map((row) => row['created'] as string);
  }

  /**
   * Drops day by day. Detaching concurrently lets every settle and every reader go on; it waits for those who read the
   * partition just now, gives up after a moment, and is brought to its end by the next call.
   */
  async dropPartitions(keep: {
    readonly completedMs: number;
    readonly failedMs: number;
  }): Promise<readonly string[]> {
    const s = this.#names.schema;
    const expired = await this.#session.query(expiredPartitions, [
      this.#names.plainSchema,
      keep.completedMs,
      keep.failedMs,
    ]);
    await this.#session.query(prune, [Math.max(keep.completedMs, keep.failedMs)]);
    if (expired.length === 0) return [];
    return this.#pool.session(async (client) => {
      await client.query(`SET lock_timeout = '100ms'`);
      const dropped: string[] = [];
      for (const row of expired) {
        const table = `${s}.${quoteIdentifier(row['name'] as string)}`;
        const parent = `${s}.${quoteIdentifier(row['parent'] as string)}`;
        try {
          if (row['state'] === 'attached') {
            await client.query(`ALTER TABLE ${parent} DETACH PARTITION ${table} CONCURRENTLY`);
          } else if (row['state'] === 'detaching') {
            await client.query(`ALTER TABLE ${parent} DETACH PARTITION ${table} FINALIZE`);
          }
          await client.query(`DROP TABLE ${table}`);
          dropped.push(row['name'] as string);
        } catch (error) {
          if (!isOthersBusiness(error)) throw error;
        }
      }
      return dropped;
    });
  }

  async close(): Promise<void> {
    this.#locks.clear();
    await this.#session.close();
  }
}

/** Somebody holds a lock on it, or another process dropped it first: the next call sees. */
function isOthersBusiness(error: unknown): boolean {
  return ['55P03', '42P01', '55000', '55006'].includes(causeCode(error) ?? '');
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
