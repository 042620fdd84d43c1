import { pause, type Clock } from '../core/clock.ts';

/** Questions of one sort, of which each waits for its own answer for a bounded time. */
export class Questions<Answer> {
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #clock: Clock;
  #asked = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  answered(no: number, answer: Answer): void {
    this.#waiting.get(no)?.(answer);
  }

  /** The answer, or undefined when there is none within this time or before the end. */
  async ask(
    send: (no: number) => void,
    { withinMs, end }: { readonly withinMs: number; readonly end: Promise<unknown> },
  ): Promise<Answer | undefined> {
    const no = ++this.#asked;
    const given = new AbortController();
    const answer = new Promise<Answer>((resolve) => this.#waiting.set(no, resolve));
    send(no);
    const late = pause(this.#clock, withinMs, given.signal).then(() => undefined);
    const found = await Promise.race([answer, late, end.then(() => undefined)]);
    given.abort();
    this.#waiting.delete(no);
    return found;
  }
}
