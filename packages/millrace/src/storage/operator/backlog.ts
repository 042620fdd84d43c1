import type { Backlog, BacklogReader, QueueBacklog } from '../../core/operator/backlog.ts';
import type { Row } from '../connection.ts';
import { rethrow } from '../errors.ts';
import type { Names } from '../names.ts';
import type { Pool } from '../pool.ts';
import { toUnserved } from '../rows.ts';
import { backlog, boundedLook, expectedDue, expectedJobs } from '../sql/backlog.ts';
import { unserved } from '../sql/liveness.ts';
import type { StatementOf } from '../sql/statement.ts';

/** So many rows are counted; of what is longer, the planner's estimate is taken. */
const mostCounted = 1_000;

/** Jobs that have been due for less may be met by a worker that is about to start. */
const unservedForMs = 10_000;

export class PgBacklog implements BacklogReader {
  readonly #pool: Pool;
  readonly #names: Names;

  constructor(parts: { pool: Pool; names: Names }) {
    this.#pool = parts.pool;
    this.#names = parts.names;
  }

  async backlog(): Promise<Backlog> {
    return this.#pool
      .read(async (executor) => {
        const ask = async (of: StatementOf, ...values: string[]): Promise<Row[]> =>
          (await executor.query(of(this.#names).text, values)).rows;
        await ask(boundedLook);
        const queues: QueueBacklog[] = [];
        for (const row of await ask(backlog, String(mostCounted))) {
          queues.push(await completed(row, ask));
        }
        return { queues, unserved: (await ask(unserved, String(unservedForMs))).map(toUnserved) };
      })
      .catch(rethrow);
  }
}

/** A count that came to its end is a lower bound; the planner may know of more. */
async function completed(
  row: Row,
  ask: (of: StatementOf, queue: string) => Promise<Row[]>,
): Promise<QueueBacklog> {
  const queue = row['queue'] as string;
  const atLeast = async (counted: number, of: StatementOf): Promise<number> =>
    counted < mostCounted ? counted : Math.max(counted, expectedRows(await ask(of, queue)));
  return {
    queue,
    jobs: await atLeast(row['jobs'] as number, expectedJobs),
    due: await atLeast(row['due'] as number, expectedDue),
    oldestDueMs: row['oldest_ms'] as number | null,
  };
}

/** The row estimate of a plan, as EXPLAIN writes it. */
function expectedRows([row]: readonly Row[]): number {
  const plans = row?.['QUERY PLAN'] as readonly { Plan: { 'Plan Rows': number } }[] | undefined;
  return plans?.[0]?.Plan['Plan Rows'] ?? 0;
}
