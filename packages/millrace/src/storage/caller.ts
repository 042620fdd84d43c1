import type { Executor } from '../core/transaction.ts';
import type { Row } from './connection.ts';
import { causeCode, explainInTransaction, rethrow } from './errors.ts';
import { noPartition } from './job-transaction.ts';
import type { Names } from './names.ts';
import type { Pool } from './pool.ts';
import { createPartitions } from './sql/partitions.ts';
import type { Statement, StatementOf } from './sql/statement.ts';

/** Statements of users' calls: on the pool, or in a transaction of theirs. */
export class Caller {
  readonly #names: Names;
  readonly #pool: Pool;
  readonly #statements = new Map<StatementOf, Statement>();

  constructor(names: Names, pool: Pool) {
    this.#names = names;
    this.#pool = pool;
  }

  /** One of our functions, alone or in a user's transaction. */
  async call(of: StatementOf, values: readonly (string | null)[], on?: Executor): Promise<Row[]> {
    const known = this.#statements.get(of) ?? of(this.#names);
    this.#statements.set(of, known);
    if (on !== undefined) {
      const { rows } = await on.query(known.text, values).catch((error: unknown) => {
        throw explainInTransaction(error);
      });
      return rows;
    }
    const statement = (await this.#pool.isDirect()) ? known : { text: known.text };
    try {
      return await this.#pool.query(statement, values);
    } catch (error) {
      if (causeCode(error) !== noPartition) throw error;
      await this.call(createPartitions, []);
      return this.#pool.query(statement, values);
    }
  }

  async read(of: StatementOf, values: readonly (string | null)[]): Promise<Row[]> {
    const { text } = of(this.#names);
    return this.#pool
      .read(async (executor) => (await executor.query(text, values)).rows)
      .catch(rethrow);
  }
}
