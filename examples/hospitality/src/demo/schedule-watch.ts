import type { Millrace } from 'millrace';
import type { DrivenClock } from 'millrace/testing';
import { until } from './until.ts';

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;

/** The rhythms of the application, written down a second time: a proof must not believe what it is to prove. */
const rhythms = {
  'refresh-activity': { stepMs: 30_000, missed: 'let go' },
  'refresh-leaderboard': { stepMs: 5 * minuteMs, missed: 'let go' },
  'send-digests': { stepMs: 15 * minuteMs, missed: 'made up for' },
  'send-reminders': { stepMs: hourMs, missed: 'made up for' },
  'purge-tokens': { stepMs: 24 * hourMs, missed: 'made up for' },
} as const;

export type Rhythm = keyof typeof rhythms;

export const scheduledKinds = Object.keys(rhythms) as Rhythm[];

/** A fire time that nobody looked at for so long is missed. */
const missedAfterMs = 30_000;

/** The clock runs on while we look at it; closer than this to a fire time, what we see might not hold. */
const safetyMs = 1_000;

/** How long after a fire time a jump ends: it is late then, and the one 30 s before it is missed. */
const landingMs = 1_000;

interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Drives the time of the database, and knows from its own arithmetic which fire times must have been fired. */
export class ScheduleWatch {
  readonly #millrace: Millrace;
  readonly #clock: DrivenClock;
  /** The times that really passed; between them the clock jumped. */
  readonly #passed: Window[] = [];
  #windowStartMs: number;
  readonly #anchors: ReadonlyMap<string, number>;

  private constructor(millrace: Millrace, clock: DrivenClock, anchors: Map<string, number>) {
    this.#millrace = millrace;
    this.#clock = clock;
    this.#anchors = anchors;
    this.#windowStartMs = Math.min(...anchors.values());
  }

  /** Resolves when a scheduler has begun to count. */
  static async begin(millrace: Millrace, clock: DrivenClock): Promise<ScheduleWatch> {
    const anchors = new Map<string, number>();
    await until('a scheduler starts', async () => {
      for (const { name, anchor } of await millrace.schedules())
        anchors.set(name, anchor.getTime());
      return anchors.size === scheduledKinds.length;
    });
    return new ScheduleWatch(millrace, clock, anchors);
  }

  /**
   * When everything that is due has been fired, moves the time forward to just after the next full `stepMs` since
   * counting began. The fire times in between are missed; those of the last 30 s are late.
   */
  async jump(stepMs: number): Promise<void> {
    const nowMs = await this.settled();
    const anchorMs = this.#anchor('send-digests');
    const targetMs = anchorMs + Math.ceil((nowMs - anchorMs) / stepMs) * stepMs + landingMs;
    await this.#clock.advance(targetMs - nowMs);
    this.#passed.push({ fromMs: this.#windowStartMs, toMs: nowMs });
    this.#windowStartMs = targetMs;
  }

  /** Waits until every fire time up to now has been fired and no other one is close; answers with the time. */
  async settled(): Promise<number> {
    let nowMs = 0;
    await until('schedules fire what is due', async () => {
      nowMs = (await this.#clock.now()).getTime();
      const fired = new Map(
        (await this.#millrace.schedules()).map(({ name, lastFire }) => [name, lastFire?.getTime()]),
      );
      return scheduledKinds.every((kind) => {
        const { stepMs } = rhythms[kind];
        const nextInMs = stepMs - ((nowMs - this.#anchor(kind)) % stepMs);
        return fired.get(kind) === this.#expected(kind, nowMs).at(-1) && nextInMs > safetyMs;
      });
    });
    return nowMs;
  }

  /** The fire times of which a job must exist by now, oldest first. */
  async expected(kind: Rhythm): Promise<number[]> {
    return this.#expected(kind, (await this.#clock.now()).getTime());
  }

  #expected(kind: Rhythm, nowMs: number): number[] {
    const anchorMs = this.#anchor(kind);
    const { stepMs, missed } = rhythms[kind];
    const times: number[] = [];
    for (let time = anchorMs + stepMs; time <= nowMs; time += stepMs) {
      if (missed === 'made up for' || this.#wasSeen(time, nowMs)) times.push(time);
    }
    return times;
  }

  #wasSeen(timeMs: number, nowMs: number): boolean {
    const windows = [...this.#passed, { fromMs: this.#windowStartMs, toMs: nowMs }];
    return windows.some(({ fromMs, toMs }) => fromMs - missedAfterMs <= timeMs && timeMs <= toMs);
  }

  #anchor(kind: Rhythm): number {
    return this.#anchors.get(kind) ?? Number.NaN;
  }
}
