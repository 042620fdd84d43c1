import type { Clock } from '../core/clock.ts';
import { MillraceError } from '../core/errors.ts';
import { Loop } from '../core/loop.ts';
import type { WorkSession } from '../core/storage.ts';
import type { HeldJob } from './held-job.ts';

/** Without notifications a request to cancel reaches its handler after this long. */
const pollMs = 2_000;

/**
 * Brings requests to cancel to running handlers. A notification only says where to look: the request is a row, so it is
 * found by the poll if the notification is lost. Failed looks are repeated by the next one.
 */
export class CancelWatch {
  readonly #port: Pick<WorkSession, 'cancelRequests'>;
  readonly #running: () => Iterable<HeldJob>;
  readonly #loop: Loop;
  readonly #claiming: () => boolean;
  /** Notified while a claim was under way that may bring the very jobs. */
  readonly #early = new Set<string>();

  constructor(parts: {
    port: Pick<WorkSession, 'cancelRequests'>;
    clock: Clock;
    random: () => number;
    /** The jobs whose handlers run. */
    running: () => Iterable<HeldJob>;
    claiming: () => boolean;
  }) {
    this.#port = parts.port;
    this.#running = parts.running;
    this.#claiming = parts.claiming;
    this.#loop = new Loop({
      pass: async () => {
        await this.#look([...this.#running()]);
        return pollMs;
      },
      clock: parts.clock,
      random: parts.random,
      onError: () => {},
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Somebody asked to cancel this job. */
  notified(id: string): void {
    const named = [...this.#running()].filter((held) => held.job.id === id);
    if (named.length > 0) void this.#look(named);
    else if (this.#claiming()) this.#early.add(id);
  }

  /** A claim has brought these jobs. */
  claimed(taken: readonly HeldJob[]): void {
    const named = taken.filter((held) => this.#early.has(held.job.id));
    if (named.length > 0) void this.#look(named);
  }

  /** No claim is under way any more. */
  claimEnded(): void {
    this.#early.clear();
  }

  async #look(suspects: readonly HeldJob[]): Promise<void> {
    if (suspects.length === 0) return;
    const requests = await this.#port
      .cancelRequests(suspects.map((held) => held.job.id))
      .catch(() => []);
    const reasons = new Map(requests.map(({ id, reason }) => [id, reason]));
    for (const held of suspects) {
      const reason = reasons.get(held.job.id);
      if (reason !== undefined)
        held.interrupt('cancelled', new MillraceError('MILLRACE_JOB_CANCELLED', reason));
    }
  }
}
