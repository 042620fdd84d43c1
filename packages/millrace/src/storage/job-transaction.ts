import type { JobTransaction, SettleAnswer, SettleRequest } from '../core/storage.ts';
import { causeCode } from './errors.ts';
import type { Names } from './names.ts';
import type { OpenTransaction } from './open-transaction.ts';
import { toSettleColumns } from './rows.ts';
import { toWritten } from './settle-answer.ts';
import { emptySearchPath, restoreSearchPath, settle } from './sql/settle.ts';

/** The SQLSTATE of a row that fits no partition. */
export const noPartition = '23514';

/** The transaction of a claimed job: the handler's writes and the job's settlement, both or neither. */
export class PgJobTransaction implements JobTransaction {
  readonly tx: unknown;
  readonly #open: OpenTransaction;
  readonly #names: Names;
  readonly #label: string;
  readonly #createPartitions: () => Promise<unknown>;
  readonly #lookUp: (request: SettleRequest) => Promise<SettleAnswer>;

  constructor(parts: {
    open: OpenTransaction;
    names: Names;
    label: string;
    createPartitions: () => Promise<unknown>;
    /** What became of a job that the settlement did not find. */
    lookUp: (request: SettleRequest) => Promise<SettleAnswer>;
  }) {
    this.#open = parts.open;
    this.#names = parts.names;
    this.#label = parts.label;
    this.#createPartitions = parts.createPartitions;
    this.#lookUp = parts.lookUp;
    this.tx = parts.open.tx;
  }

  within<T>(body: () => T): T {
    return this.#open.within(body);
  }

  async settleAndCommit(request: SettleRequest): Promise<SettleAnswer> {
    try {
      const answer = await this.#settleHere(request);
      if (answer === undefined) {
        await this.rollback();
        return await this.#lookUp(request);
      }
      await this.#open.commit();
      if (!this.#open.tellsOutcome) await this.#confirm(request);
      return answer;
    } catch (error) {
      await this.rollback();
      if (causeCode(error) !== noPartition) throw error;
      await this.#createPartitions();
      return { id: request.id, status: 'busy' };
    }
  }

  /** The statement must not be resolved through a search path that the handler or the role has set. */
  async #settleHere(request: SettleRequest): Promise<SettleAnswer | undefined> {
    const [before] = await this.#open.run(emptySearchPath(this.#names), []);
    const values = [...toSettleColumns([request]), this.#label];
    const [row] = await this.#open.run(settle(this.#names), values);
    await this.#open.run(restoreSearchPath(this.#names), [(before?.['path'] as string) ?? '']);
    return row === undefined ? undefined : toWritten(row);
  }

  /** A job that is still under its lease after the commit shows that there was none. */
  async #confirm(request: SettleRequest): Promise<void> {
    if ((await this.#lookUp(request)).status === 'busy')
      throw new Error('the transaction had failed before its commit');
  }

  async rollback(): Promise<void> {
    await this.#open.rollback();
  }
}
