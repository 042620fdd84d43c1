import type pg from 'pg';
import type { JobTransaction, SettleAnswer, SettleRequest } from '../core/storage.ts';
import type { Transaction } from '../core/transaction.ts';
import { causeCode } from './errors.ts';
import { toSettleColumns } from './rows.ts';
import { toWritten } from './settle-answer.ts';
import type { Row } from './connection.ts';

/** The SQLSTATE of a row that fits no partition. */
export const noPartition = '23514';

/** The transaction of a claimed job: the handler's writes and the job's settlement, both or neither. */
export class PgJobTransaction implements JobTransaction {
  readonly tx: Transaction;
  readonly executor: JobTransaction['executor'];
  readonly #client: pg.PoolClient;
  readonly #release: (broken: boolean) => void;
  readonly #settle: { readonly name?: string; readonly text: string };
  readonly #label: string;
  readonly #createPartitions: () => Promise<unknown>;
  readonly #lookUp: (request: SettleRequest) => Promise<SettleAnswer>;
  #ended = false;

  constructor(parts: {
    client: pg.PoolClient;
    release: (broken: boolean) => void;
    /** With a name where the connection keeps prepared statements, which a pooler may not. */
    settle: { readonly name?: string; readonly text: string };
    label: string;
    createPartitions: () => Promise<unknown>;
    /** What became of a job that the settlement did not find. */
    lookUp: (request: SettleRequest) => Promise<SettleAnswer>;
  }) {
    this.#client = parts.client;
    this.#release = parts.release;
    this.#settle = parts.settle;
    this.#label = parts.label;
    this.#createPartitions = parts.createPartitions;
    this.#lookUp = parts.lookUp;
    this.tx = parts.client;
    this.executor = { query: (text, values) => parts.client.query(text, [...values]) };
  }

  async settleAndCommit(request: SettleRequest): Promise<SettleAnswer> {
    try {
      const answer = await this.#settleHere(request);
      if (answer === undefined) {
        await this.rollback();
        return await this.#lookUp(request);
      }
      const { command } = await this.#client.query('COMMIT');
      this.#end(command !== 'COMMIT');
      if (command === 'COMMIT') return answer;
      throw new Error('the transaction had failed before its commit');
    } catch (error) {
      await this.rollback();
      if (causeCode(error) !== noPartition) throw error;
      await this.#createPartitions();
      return { id: request.id, status: 'busy' };
    }
  }

  /** The statement must not be resolved through a search path that the handler or the role has set. */
  async #settleHere(request: SettleRequest): Promise<SettleAnswer | undefined> {
    const { rows: before } = await this.#client.query<{ path: string }>(
      `SELECT pg_catalog.current_setting('search_path') AS path, pg_catalog.set_config('search_path', '', true)`,
    );
    const { rows } = await this.#client.query<Row>({
      ...this.#settle,
      values: [...toSettleColumns([request]), this.#label],
    });
    await this.#client.query(`SELECT pg_catalog.set_config('search_path', $1, true)`, [
      before[0]?.path ?? '',
    ]);
    return rows[0] === undefined ? undefined : toWritten(rows[0]);
  }

  async rollback(): Promise<void> {
    if (this.#ended) return;
    const broken = await this.#client.query('ROLLBACK').then(
      () => false,
      () => true,
    );
    this.#end(broken);
  }

  #end(broken: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#release(broken);
  }
}
