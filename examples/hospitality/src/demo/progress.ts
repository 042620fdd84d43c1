const plainEveryMs = 2_000;

/** Says what goes on: on a terminal in one line that changes, elsewhere in a plain line now and then. */
export class Progress {
  readonly #startedAt = performance.now();
  readonly #terminal = process.stdout.isTTY;
  #lastPlainAt = Number.NEGATIVE_INFINITY;

  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1_000;
  }

  /** What is going on now. */
  show(text: string): void {
    const line = `${this.seconds.toFixed(0).padStart(3)} s  ${text}`;
    if (this.#terminal) {
      process.stdout.write(`\r\u001B[2K${line.slice(0, process.stdout.columns - 1)}`);
    } else if (performance.now() - this.#lastPlainAt >= plainEveryMs) {
      this.#lastPlainAt = performance.now();
      console.log(line);
    }
  }

  /** What stays on the screen. */
  say(text: string): void {
    if (this.#terminal) process.stdout.write('\r\u001B[2K');
    console.log(text);
  }
}
