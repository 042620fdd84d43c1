import type pg from 'pg';
import { pause, type Clock } from '../core/clock.ts';
import { MillraceError } from '../core/errors.ts';
import type { ListenerState, Notice } from '../core/storage.ts';
import type { FoundJob } from './lane-cursor.ts';
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

/** Who remembers places in lanes hears first, so that whoever is woken finds them right. */
interface Cursors {
  /** There is something from this place on. */
  rewind(to: FoundJob): void;
  /** Something may be anywhere. */
  reset(): void;
}

/**
 * Listens on one channel for a whole process while anybody is interested, and comes back by itself after every loss. Behind
 * a pooler nothing would ever be heard: it says so once.
 */
export class Listener {
  readonly #route: Route;
  readonly #channel: string;
  readonly #clock: Clock;
  readonly #cursors: Cursors;
  readonly #subscribers = new Set<Subscriber>();
  #stopping: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();
  #ready = false;

  constructor(parts: { route: Route; channel: string; clock: Clock; cursors: Cursors }) {
    this.#route = parts.route;
    this.#channel = parts.channel;
    this.#clock = parts.clock;
    this.#cursors = parts.cursors;
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

  /** Hands on a message, from the channel or from this process itself. */
  deliver(message: string): void {
    const { notice, from } = parseMessage(message);
    if (notice === undefined) return;
    if (from !== undefined) this.#cursors.rewind(from);
    else if (notice.type === 'jobs') this.#cursors.reset();
    for (const { onNotice } of this.#subscribers) onNotice(notice);
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
    if (this.#ready) this.#cursors.reset();
    for (const { onState } of this.#subscribers) onState(state);
  }

  /** Passes notifications on; the promise rejects when the connection ends. */
  #watch(client: pg.Client): Promise<never> {
    client.on('notification', ({ payload }) => this.deliver(payload ?? ''));
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

/** The message that a job waits at this place from now on. */
export function laneMessage({ queue, priority, place }: FoundJob): string {
  return `lane ${priority} ${place.us} 0 ${queue}`;
}

/** A message, and the place in a lane that it names. Those that a newer release sends and this one does not know are empty. */
function parseMessage(message: string): { readonly notice?: Notice; readonly from?: FoundJob } {
  const [type = '', ...words] = message.split(' ');
  const rest = message.slice(type.length + 1);
  switch (type) {
    case 'lane': {
      const [priority = '', us = '', id = ''] = words;
      const queue = words.slice(3).join(' ');
      const place = { us: Number(us), id };
      return {
        notice: { type: 'jobs', queue },
        from: { queue, priority: Number(priority), place },
      };
    }
    // As the releases before sent it.
    case 'jobs':
      return { notice: { type, queue: rest } };
    case 'pause':
      return { notice: { type, queue: rest } };
    case 'cancel':
      return { notice: { type, id: rest } };
    case 'clock':
      return { notice: { type } };
    default:
      return {};
  }
}
