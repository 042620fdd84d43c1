import type pg from 'pg';
import { pause, type Clock } from '../core/clock.ts';
import { MillraceError } from '../core/errors.ts';
import type { ListenerState, Notice } from '../core/storage.ts';
import { quoteIdentifier } from './names.ts';
import { dispose, type Route } from './route.ts';

/** A connection that is cut without a word is noticed by this question, which is asked so often and answered so soon. */
const pingMs = 5_000;
const pingAnswerMs = 5_000;
const firstPauseMs = 50;
const longestPauseMs = 5_000;

interface Subscriber {
  readonly onNotice: (notice: Notice) => void;
  readonly onState: (state: ListenerState) => void;
}

/**
 * Listens on one channel for a whole process while anybody is interested, and comes back by itself after every loss. Behind
 * a pooler nothing would ever be heard: it says so once.
 */
export class Listener {
  readonly #route: Route;
  readonly #channel: string;
  readonly #clock: Clock;
  readonly #subscribers = new Set<Subscriber>();
  #stopping: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();
  #ready = false;

  constructor(parts: { route: Route; channel: string; clock: Clock }) {
    this.#route = parts.route;
    this.#channel = parts.channel;
    this.#clock = parts.clock;
  }

  subscribe(
    onNotice: Subscriber['onNotice'],
    onState: Subscriber['onState'],
  ): { stop(): Promise<void> } {
    const subscriber = { onNotice, onState };
    this.#subscribers.add(subscriber);
    if (this.#stopping === undefined) {
      this.#stopping = new AbortController();
      const { signal } = this.#stopping;
      this.#running = this.#running.then(() => this.#run(signal));
    } else if (this.#ready) {
      onState('ready');
    }
    return {
      stop: async () => {
        this.#subscribers.delete(subscriber);
        if (this.#subscribers.size > 0) return;
        this.#stopping?.abort();
        this.#stopping = undefined;
        await this.#running;
      },
    };
  }

  async #run(signal: AbortSignal): Promise<void> {
    let pauseMs = firstPauseMs;
    while (!signal.aborted) {
      let client: pg.Client | undefined;
      try {
        ({ client } = await this.#route.open({ pipeline: false, answerMs: pingAnswerMs }));
        this.#refusePooler();
        const lost = this.#watch(client);
        await client.query(`LISTEN ${quoteIdentifier(this.#channel)}`);
        pauseMs = firstPauseMs;
        this.#tell('ready');
        await this.#ping(client, lost, signal);
      } catch (error) {
        if (!signal.aborted) this.#tell({ lost: error });
      } finally {
        this.#ready = false;
        if (client !== undefined) dispose(client);
      }
      if (this.#route.isPooled) return;
      await pause(this.#clock, pauseMs, signal);
      pauseMs = Math.min(longestPauseMs, pauseMs * 2);
    }
  }

  #refusePooler(): void {
    if (!this.#route.isPooled) return;
    throw new MillraceError(
      'MILLRACE_DB_POOLER',
      'the connection goes through a pooler that hands sessions around, and notifications do not pass it',
    );
  }

  #tell(state: ListenerState): void {
    this.#ready = state === 'ready';
    for (const { onState } of this.#subscribers) onState(state);
  }

  /** Passes notifications on; the promise rejects when the connection ends. */
  #watch(client: pg.Client): Promise<never> {
    client.on('notification', ({ payload }) => {
      const notice = parseNotice(payload ?? '');
      if (notice === undefined) return;
      for (const { onNotice } of this.#subscribers) onNotice(notice);
    });
    const lost = new Promise<never>((_, reject) => {
      client.once('error', reject);
      client.once('end', () => reject(new Error('the connection was closed')));
    });
    lost.catch(() => {});
    return lost;
  }

  async #ping(client: pg.Client, lost: Promise<never>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await Promise.race([pause(this.#clock, pingMs, signal), lost]);
      this.#refusePooler();
      if (!signal.aborted) await Promise.race([client.query('SELECT 1'), lost]);
    }
  }
}

/** Messages that a newer release sends and this one does not know are passed over. */
function parseNotice(payload: string): Notice | undefined {
  const space = payload.indexOf(' ');
  const type = space < 0 ? payload : payload.slice(0, space);
  const rest = space < 0 ? '' : payload.slice(space + 1);
  if (type === 'jobs') return { type, queue: rest };
  if (type === 'cancel') return { type, id: rest };
  if (type === 'clock') return { type };
  return undefined;
}
