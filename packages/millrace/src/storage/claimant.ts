import type { Clock } from '../core/clock.ts';
import type { ClaimAnswer, ClaimRequest } from '../core/storage.ts';
import { LaneCursor, type FoundJob } from './lane-cursor.ts';
import type { PipelinedSession } from './pipelined-session.ts';
import { bytesRead, type Session } from './route.ts';
import { inOrder, toClaimed, toCompletedColumns, toFoundLanes, toRouteColumns } from './rows.ts';
import { claim, completeAndClaim } from './sql/claim.ts';
import { besidesAt } from './sql/claimed-job.ts';
import { freeLock } from './sql/liveness.ts';
import { endWait, takeWait } from './sql/waiting.ts';

/**
 * One identity on the connection that it lives on: where it claims and, unless that is pooled, holds its lock. It claims
 * nowhere else, so whoever finds the lock free can be sure that no claim is under way; behind a pooler one may be, and the
 * tombstone keeps it from taking anything. When the connection is lost all of this is lost with it.
 */
export class Claimant {
  readonly session: Session;
  readonly #no: number;
  readonly #pipeline: PipelinedSession;
  readonly #clock: Clock;
  readonly #cursor = new LaneCursor();
  /** The queues for which it holds the locks of those who wait. */
  readonly #waits = new Set<string>();
  /** What the last claim asked for. */
  #kinds: readonly string[] | undefined;

  constructor(no: number, pipeline: PipelinedSession, session: Session, clock: Clock) {
    this.#no = no;
    this.#pipeline = pipeline;
    this.session = session;
    this.#clock = clock;
  }

  /** @returns its answer, and the ids of completions that were not written */
  async claim(
    request: Omit<ClaimRequest, 'worker'>,
    label: string,
  ): Promise<Omit<ClaimAnswer, 'unwritten'> & { readonly unwritten: readonly string[] }> {
    const { lease, queues, limit, kinds, versions, everywhere, completed } = request;
    const startedMs = this.#clock.monotonicMs();
    this.#askFor(kinds);
    const route = this.#cursor.route(queues, everywhere, startedMs);
    const rest = [limit, kinds, lease, this.#no, everywhere !== 'no', versions ?? []];
    const columns = [...toRouteColumns(route), ...rest];
    const all = [...columns, ...toCompletedColumns(completed), label];
    const [statement, values] =
      completed.length === 0 ? ([claim, columns] as const) : ([completeAndClaim, all] as const);
    const bytesBefore = bytesRead(this.session.client);
    const rows = await this.#pipeline
      .listOn(this.session, statement, values)
      .catch((error: unknown) => {
        this.#cursor.failed(this.#clock.monotonicMs() - startedMs);
        throw error;
      });
    const taken = inOrder(rows);
    const [dead, at, dueInMs, pausedQueues, unwritten] = (rows[0] ?? []).slice(besidesAt);
    const atUs = Number(at);
    const paused = (pausedQueues as string[] | null) ?? [];
    this.#cursor.found(route, {
      lanes: toFoundLanes(taken),
      isFull: taken.length >= limit,
      paused,
      atUs,
      tookMs: this.#clock.monotonicMs() - startedMs,
    });
    return {
      jobs: taken.map((row) => toClaimed(row, lease, atUs / 1_000)),
      bytes: bytesRead(this.session.client) - bytesBefore,
      dead: dead === true,
      dueInMs: dueInMs as number | null,
      paused,
      unwritten: (unwritten as string[] | null) ?? [],
    };
  }

  /** The cursors have passed jobs of kinds that were not asked for before. */
  #askFor(kinds: readonly string[]): void {
    const known = this.#kinds;
    this.#kinds = kinds;
    if (known === undefined || known === kinds) return;
    if (kinds.some((kind) => !known.includes(kind))) this.#cursor.restart();
  }

  rewind(to: FoundJob): void {
    this.#cursor.rewind(to);
  }

  reset(): void {
    this.#cursor.reset();
  }

  async wait(queues: readonly string[]): Promise<void> {
    const open = queues.filter((queue) => !this.#waits.has(queue));
    // Behind a pooler the lock would belong to somebody else.
    if (open.length === 0 || this.session.isPooled) return;
    const rows = await this.#pipeline.queryOn(this.session, takeWait, [open]);
    for (const row of rows) this.#waits.add(row['queue'] as string);
  }

  async endWait(): Promise<void> {
    if (this.#waits.size === 0) return;
    const queues = [...this.#waits];
    this.#waits.clear();
    await this.#pipeline.queryOn(this.session, endWait, [queues]);
  }

  /** Frees what it holds; a lost connection has freed it already. */
  async free(): Promise<void> {
    if (this.session.isPooled) return;
    const freed = [this.endWait(), this.#pipeline.queryOn(this.session, freeLock, [this.#no])];
    await Promise.allSettled(freed);
  }
}
