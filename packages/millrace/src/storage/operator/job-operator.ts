import type { JobState } from '../../core/job.ts';
import type { JobCommand, JobOperator, VerbAnswer } from '../../core/operator/job-verbs.ts';
import type { Executor } from '../../core/transaction.ts';
import type { Caller } from '../caller.ts';
import type { Row } from '../connection.ts';
import * as operate from '../sql/operate.ts';
import type { StatementOf } from '../sql/statement.ts';

/** The operators' verbs, each a function of the schema. */
export class PgJobOperator implements JobOperator {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  async act(command: JobCommand, ids: readonly string[], on?: Executor): Promise<VerbAnswer[]> {
    const [of, rest] = statementFor(command);
    const rows = await this.#caller.call(of, [`{${[...new Set(ids)].join()}}`, ...rest], on);
    const answers = new Map(rows.map((row) => [row['id'], toAnswer(row)]));
    return ids.map((id) => answers.get(id) ?? { status: 'missing' });
  }
}

function statementFor(command: JobCommand): readonly [StatementOf, readonly (string | null)[]] {
  switch (command.verb) {
    case 'retry':
      return [operate.retryJobs, []];
    case 'delete':
      return [operate.deleteJobs, []];
    case 'cancel':
      return [operate.cancelJobs, [command.reason]];
    case 'discard':
      return [operate.discardJobs, [command.reason]];
    case 'reschedule':
      return [operate.rescheduleJobs, [command.at?.toISOString() ?? null, String(command.delayMs)]];
    case 'edit': {
      const { payload, payloadVersion, priority, queue } = command;
      return [
        operate.editJobs,
        [
          payload === undefined ? null : JSON.stringify(payload),
          payloadVersion === undefined ? null : String(payloadVersion),
          priority === undefined ? null : String(priority),
          queue ?? null,
        ],
      ];
    }
  }
}

function toAnswer(row: Row): VerbAnswer {
  const status = row['status'] as VerbAnswer['status'];
  if (status === 'done') {
    return { status, from: row['was'] as JobState, state: row['state'] as JobState | null };
  }
  return status === 'finished' ? { status, state: row['was'] as JobState } : { status };
}
