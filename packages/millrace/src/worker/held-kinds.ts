import { toAttemptError } from '../core/attempt-error.ts';
import { pause, type Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { Enabled, FlagSource } from '../core/flags.ts';
import { Loop } from '../core/loop.ts';
import { defaults } from '../core/options.ts';
import type { HandledJobSettings } from './held-job.ts';

/** An answer is this old at most, and the time that it takes to get one. */
const askEachMs = 1_000;

/** Whoever answers later has not answered. */
const longestAnswerMs = 5_000;

interface Switch {
  readonly kind: string;
  readonly queue: string;
  readonly enabled: Enabled;
  isOn: boolean;
  /** What was told last; at first, that it is not held back. */
  isTold: boolean;
  isFailing: boolean;
}

export interface HeldKindsParts {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly random: () => number;
  readonly handlers: ReadonlyMap<string, HandledJobSettings>;
  readonly flags: FlagSource | undefined;
  /** The present identity of the worker. */
  readonly worker: () => number;
  /** Lets everybody know what is held back. */
  readonly publish: (worker: number, kinds: readonly string[]) => Promise<void>;
  /** Something is held back that was not, or the other way round. */
  readonly onChange: () => void;
}

/**
 * The kinds that a worker serves and leaves out of its claims at present, because `enabled` of their definitions says so.
 * Their jobs stay where they are. While nobody can say, the last answer holds.
 */
export class HeldKinds {
  readonly #parts: HeldKindsParts;
  readonly #loops: readonly Loop[];
  readonly #switches: readonly Switch[];
  readonly #closing = new AbortController();
  #claimed: readonly string[];
  /** What everybody knows: of which identity, and which kinds. */
  #known = '';

  constructor(parts: HeldKindsParts) {
    this.#parts = parts;
    this.#switches = [...parts.handlers].flatMap(([kind, { queue, enabled }]) =>
      enabled === undefined
        ? []
        : [{ kind, queue, enabled, isOn: firstAnswer(enabled), isTold: true, isFailing: false }],
    );
    const { clock, random } = parts;
    this.#loops = this.#switches.map(
      (each) => new Loop({ pass: () => this.#ask(each), clock, random, onError: () => {} }),
    );
    this.#claimed = this.#kindsToClaim();
  }

  /** The kinds to claim; the same array while nothing changes. */
  get claimed(): readonly string[] {
    return this.#claimed;
  }

  holds(kind: string): boolean {
    return this.#switches.some((each) => each.kind === kind && !each.isOn);
  }

  /** Resolves when each has been asked once. */
  async start(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.start()));
  }

  async stop(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }

  async #ask(each: Switch): Promise<number> {
    const { emit } = this.#parts;
    const { kind } = each;
    try {
      const isOn = await this.#answer(each);
      each.isFailing = false;
      if (!this.#closing.signal.aborted) this.#set(each, isOn);
    } catch (error) {
      // Once, not each second.
      if (!each.isFailing) {
        const failure = toAttemptError(error, defaults.errorMaxBytes);
        emit('flag:failed', { flag: nameOf(each), kind, error: failure });
      }
      each.isFailing = true;
    }
    await this.#publish();
    return askEachMs;
  }

  #set(each: Switch, isOn: boolean): void {
    const { emit, worker, onChange } = this.#parts;
    if (isOn !== each.isTold) emit('kind:held', { worker: worker(), kind: each.kind, held: !isOn });
    each.isTold = isOn;
    if (isOn === each.isOn) return;
    each.isOn = isOn;
    this.#claimed = this.#kindsToClaim();
    onChange();
  }

  async #answer({ enabled, kind, queue }: Switch): Promise<boolean> {
    const { flags, clock } = this.#parts;
    const answered = new AbortController();
    const ask = async () => {
      if (typeof enabled === 'function') return enabled();
      return flags?.boolean(enabled.flag, enabled.fallback, { kind, queue }) ?? enabled.fallback;
    };
    const signal = AbortSignal.any([answered.signal, this.#closing.signal]);
    const late = pause(clock, longestAnswerMs, signal).then(() => {
      throw new Error(`no answer within ${longestAnswerMs} ms`);
    });
    late.catch(() => {});
    const isOn = await Promise.race([ask(), late]).finally(() => answered.abort());
    if (typeof isOn === 'boolean') return isOn;
    throw new TypeError(`the answer must be true or false, not ${typeof isOn}`);
  }

  #kindsToClaim(): string[] {
    return [...this.#parts.handlers.keys()].filter((kind) => !this.holds(kind));
  }

  /** A new identity has said nothing yet. What cannot be written now is written a second later. */
  async #publish(): Promise<void> {
    const worker = this.#parts.worker();
    const kinds = this.#switches.filter(({ isOn }) => !isOn).map(({ kind }) => kind);
    const known = `${worker} ${JSON.stringify(kinds)}`;
    if (known === this.#known) return;
    await this.#parts.publish(worker, kinds).then(
      () => (this.#known = known),
      () => {},
    );
  }
}

function firstAnswer(enabled: Enabled): boolean {
  return typeof enabled === 'function' ? false : enabled.fallback;
}

function nameOf({ enabled, kind }: Switch): string {
  return typeof enabled === 'function' ? `${kind}.enabled` : enabled.flag;
}
