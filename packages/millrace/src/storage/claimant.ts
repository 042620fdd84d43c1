import type pg from 'pg';
import type { Clock } from '../core/clock.ts';
import type { ClaimAnswer, ClaimRequest } from '../core/storage.ts';
import type { PipelinedSession } from './connection.ts';
import { LaneCursor, type FoundJob } from './lane-cursor.ts';
import { inOrder, toClaimed, toCompletedColumns, toFoundLanes, toRouteColumns } from './rows.ts';
import { claim, completeAndClaim } from './sql/claim.ts';
import { freeLock } from './sql/liveness.ts';
import { endWait, takeWait } from './sql/waiting.ts';

/**
 * One identity on the connection that holds its lock. It claims there and nowhere else, so whoever finds the lock free can
 * be sure that no claim is under way. When the connection is lost all of this is lost with it.
 */
export class Claimant {
  readonly #no: number;
  readonly #session: PipelinedSession;
  readonly #client: pg.Client;
  readonly #clock: Clock;
  readonly #cursor = new LaneCursor();
  /** The queues for which it holds the locks of those who wait. */
  readonly #waits = new Set<string>();

  constructor(no: number, session: PipelinedSession, client: pg.Client, clock: Clock) {
    this.#no = no;
    this.#session = session;
    this.#client = client;
    this.#clock = clock;
  }

  /** @returns its answer, and the ids of completions that were not written */
  async claim(
    request: Omit<ClaimRequest, 'worker'>,
    label: string,
  ): Promise<Omit<ClaimAnswer, 'unwritten'> & { readonly unwritten: readonly string[] }> {
    const { lease, queues, limit, kinds, everywhere, completed } = request;
    const startedMs = this.#clock.monotonicMs();
    const route = this.#cursor.route(queues, everywhere, startedMs);
    const rest = [limit, kinds, lease, this.#no, everywhere !== 'no'];
    const columns = [...toRouteColumns(route), ...rest];
    const rows =
      completed.length === 0
        ? await this.#session.queryOn(this.#client, claim, columns)
        : await this.#session.queryOn(this.#client, completeAndClaim, [
            ...columns,
            ...toCompletedColumns(completed),
            label,
          ]);
    const taken = inOrder(rows);
    const head = rows[0] ?? {};
    const atUs = Number(head['at_us']);
    this.#cursor.found(route, {
      lanes: toFoundLanes(taken),
      isFull: taken.length >= limit,
      atUs,
      tookMs: this.#clock.monotonicMs() - startedMs,
    });
    return {
      jobs: taken.map((row) => toClaimed(row, lease, atUs / 1_000)),
      dead: head['dead'] === true,
      dueInMs: head['due_ms'] as number | null,
      unwritten: (head['unwritten'] as string[] | null) ?? [],
    };
  }

  rewind(to: FoundJob): void {
    this.#cursor.rewind(to);
  }

  reset(): void {
    this.#cursor.reset();
  }

  async wait(queues: readonly string[]): Promise<void> {
    const open = queues.filter((queue) => !this.#waits.has(queue));
    if (open.length === 0) return;
    const rows = await this.#session.queryOn(this.#client, takeWait, [open]);
    for (const row of rows) this.#waits.add(row['queue'] as string);
  }

  async endWait(): Promise<void> {
    if (this.#waits.size === 0) return;
    const queues = [...this.#waits];
    this.#waits.clear();
    await this.#session.queryOn(this.#client, endWait, [queues]);
  }

  /** Frees what it holds; a lost connection has freed it already. */
  async free(): Promise<void> {
    const freed = [this.endWait(), this.#session.queryOn(this.#client, freeLock, [this.#no])];
    await Promise.allSettled(freed);
  }
}
