/** What can be wrong with a process, and what says that nothing is. */
import { pause, type Clock } from './clock.ts';
import type { EventName, MillraceEvent } from './events.ts';

/** Whether a process does its work. `reasons` has one line for each thing that keeps it from it. */
export interface Health {
  readonly ok: boolean;
  readonly reasons: readonly string[];
  /** The loops that have run in this process: how long ago each one last succeeded, and how often it has failed. */
  readonly loops: Readonly<Record<string, LoopHealth>>;
}

/** How one loop of this process fares. */
export interface LoopHealth {
  /** Null: never yet. */
  readonly sinceSuccessMs: number | null;
  readonly failures: number;
}

/** How a loop tells that a pass succeeded, and when the next one is due. */
export type OnPass = (loop: string, nextInMs: number) => void;

/** A loop is late when its next pass has been due for so long. */
const lateMs = 60_000;

/** A database that does not answer within this is as good as away. */
const answerMs = 2_000;

/** Those that a process has always; other failures of the background are of single jobs. */
const watched: ReadonlySet<string> = new Set(['partitions', 'rescue', 'unserved', 'scheduler']);

const heard: ReadonlySet<EventName> = new Set([
  'loop:failed',
  'claim:failed',
  'claim:taken',
  'claim:empty',
  'listener:lost',
  'listener:ready',
]);

interface Seen {
  succeededMs: number | undefined;
  dueMs: number;
  failures: number;
  /** The message of the last failure, until a success. */
  failing: string | undefined;
}

/** Remembers how the loops of one process fare. */
export class HealthRecord {
  readonly #clock: Clock;
  readonly #loops = new Map<string, Seen>();
  #listenerLost: string | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  readonly passed: OnPass = (loop, nextInMs) => {
    const seen = this.#seen(loop);
    seen.succeededMs = this.#clock.monotonicMs();
    seen.dueMs = seen.succeededMs + nextInMs;
    seen.failing = undefined;
  };

  /** What `hear` has a use for, so that everything else costs nothing. */
  readonly wants = (name: EventName): boolean => heard.has(name);

  hear({ name, data }: MillraceEvent): void {
    if (name === 'loop:failed' && watched.has(data.loop))
      this.#failed(data.loop, data.error.message);
    if (name === 'claim:failed') this.#failed('claim', data.error.message);
    if (name === 'claim:taken' || name === 'claim:empty')
      this.passed('claim', Number.POSITIVE_INFINITY);
    if (name === 'listener:lost') this.#listenerLost = data.error.message;
    if (name === 'listener:ready') this.#listenerLost = undefined;
  }

  #failed(loop: string, message: string): void {
    const seen = this.#seen(loop);
    seen.failures++;
    seen.failing = message;
  }

  #seen(loop: string): Seen {
    const known = this.#loops.get(loop);
    if (known !== undefined) return known;
    const seen: Seen = {
      succeededMs: undefined,
      dueMs: this.#clock.monotonicMs(),
      failures: 0,
      failing: undefined,
    };
    this.#loops.set(loop, seen);
    return seen;
  }

  /** Asks the database, for at most two seconds. Never rejects. */
  async ask(verify: () => Promise<void>): Promise<Health> {
    const given = new AbortController();
    const late = pause(this.#clock, answerMs, given.signal).then(
      () => `the database does not answer within ${answerMs / 1_000} s`,
    );
    const asked = verify().then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? oneLine(error.message) : 'unknown'),
    );
    const reason = await Promise.race([asked, late]);
    given.abort();
    return this.report(reason === undefined ? [] : [reason]);
  }

  /** What is known without asking anybody; `found` is what somebody has asked for and found wrong. */
  report(found: readonly string[]): Health {
    const nowMs = this.#clock.monotonicMs();
    const reasons = [...found];
    if (this.#listenerLost !== undefined)
      reasons.push(`no notifications arrive: ${oneLine(this.#listenerLost)}`);
    const loops: Record<string, LoopHealth> = {};
    for (const [name, seen] of this.#loops) {
      const { succeededMs, failures, failing, dueMs } = seen;
      const sinceSuccessMs = succeededMs === undefined ? null : Math.round(nowMs - succeededMs);
      loops[name] = { sinceSuccessMs, failures };
      if (failing !== undefined) reasons.push(`${name} fails: ${oneLine(failing)}`);
      else if (nowMs - dueMs > lateMs)
        reasons.push(`${name} is late by ${Math.round((nowMs - dueMs) / 1_000)} s`);
    }
    return { ok: reasons.length === 0, reasons, loops };
  }
}

/** Text as one line of bounded length. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 300);
}
