import { MillraceError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type {
  PauseAnswer,
  PauseOptions,
  PauseStore,
  ResumeAnswer,
} from '../core/operator/pauses.ts';
import { checkOptions, pauseChecks, queueName } from '../core/options.ts';

/** Stops queues and lets them go on. */
export class Pauses {
  readonly #store: PauseStore;
  readonly #emit: Emit;

  constructor(store: PauseStore, emit: Emit) {
    this.#store = store;
    this.#emit = emit;
  }

  async pause(queue: string, options: PauseOptions): Promise<PauseAnswer> {
    queueName(queue, 'pauseQueue.queue');
    const { by, reason } = checkOptions(pauseChecks, options, 'pauseQueue');
    if (by === undefined || reason === undefined) {
      const missing = by === undefined ? 'by' : 'reason';
      throw new MillraceError('MILLRACE_OPTION_INVALID', `pauseQueue: ${missing} is missing`);
    }
    const answer = await this.#store.pause(queue, { by, reason });
    if (answer.status === 'paused') this.#emit('queue:paused', { queue, by, reason });
    return answer;
  }

  async resume(queue: string): Promise<ResumeAnswer> {
    queueName(queue, 'resumeQueue.queue');
    const answer = await this.#store.resume(queue);
    if (answer.status === 'resumed') this.#emit('queue:resumed', { queue });
    return answer;
  }
}
