import { MillraceError } from '../../core/errors.ts';
import type {
  PauseAnswer,
  PauseOptions,
  PauseStore,
  QueuePause,
  ResumeAnswer,
} from '../../core/operator/pauses.ts';
import type { Row } from '../connection.ts';
import type { Names } from '../names.ts';
import type { Pool } from '../pool.ts';
import { pauseQueue, resumeQueue } from '../sql/pauses.ts';

/** As often as this a pause may come and go while another one is made. */
const tries = 10;

/** Pauses in PostgreSQL. */
export class PgPauses implements PauseStore {
  readonly #names: Names;
  readonly #pool: Pool;

  constructor(names: Names, pool: Pool) {
    this.#names = names;
    this.#pool = pool;
  }

  async pause(queue: string, { by, reason }: PauseOptions): Promise<PauseAnswer> {
    const { text } = pauseQueue(this.#names);
    for (let each = 0; each < tries; each++) {
      const [row] = await this.#pool.query({ text }, [queue, by, reason]);
      if (row !== undefined)
        return { status: row['made'] === true ? 'paused' : 'already', pause: toPause(row) };
    }
    throw new MillraceError(
      'MILLRACE_TX_SERIALIZATION',
      `the queue '${queue}' was paused and resumed all the time meanwhile`,
    );
  }

  async resume(queue: string): Promise<ResumeAnswer> {
    const { text } = resumeQueue(this.#names);
    const [row] = await this.#pool.query({ text }, [queue]);
    return row === undefined
      ? { status: 'not_paused' }
      : { status: 'resumed', pause: toPause(row) };
  }
}

function toPause(row: Row): QueuePause {
  return {
    queue: row['queue'] as string,
    at: row['paused_at'] as Date,
    by: row['paused_by'] as string,
    reason: row['reason'] as string,
  };
}
