import type { KnownEnds, RescueAnswer, RescuedJob } from '../core/storage.ts';
import { quarantine, suspectCrashes } from '../core/suspect.ts';
import type { Row } from './connection.ts';
import { dropPartitions, type ExpiredPartition } from './drop-partitions.ts';
import type { Names } from './names.ts';
import { inTransaction, type Route, type Session } from './route.ts';
import { rescue } from './sql/liveness.ts';
import { createPartitions, expiredPartitions, prune } from './sql/partitions.ts';
import type { StatementOf } from './sql/statement.ts';

/** It may take so long. */
const long = { settings: { statement_timeout: '15s' }, answerMs: 20_000 };

/** What may take long, on connections that are opened for it: no claim, settlement or heartbeat waits behind it. */
export class Housekeeping {
  readonly #route: Route;
  readonly #names: Names;

  constructor(route: Route, names: Names) {
    this.#route = route;
    this.#names = names;
  }

  async rescue({ ended, living }: KnownEnds): Promise<RescueAnswer> {
    // It looks at every unfinished job on purpose; reading the table in one go is several times cheaper than by index.
    const judgement = [
      suspectCrashes,
      quarantine.reason,
      JSON.stringify(quarantine.error),
      ended,
      living,
    ];
    const rows = await this.#aside(rescue, judgement, { enable_seqscan: 'on' });
    const of = (state: string) => rows.filter((row) => row['state'] === state);
    return {
      rescued: rows.filter(({ state }) => state !== 'held' && state !== 'doubted').map(toRescued),
      busy: of('held').length,
      doubted: of('doubted').map((row) => ({
        no: row['no'] as number,
        boot: row['boot'] as string | null,
      })),
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
