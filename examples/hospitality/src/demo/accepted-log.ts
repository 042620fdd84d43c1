import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';

/** One thing that a server outside the database has accepted. */
export interface Accepted {
  /** The id of the job that brought it. */
  readonly jobId: string;
  /** What a reader would see first. */
  readonly title: string;
}

/** What a server has accepted, written to a file before the answer is given: the witness of what really happened. */
export class AcceptedLog {
  readonly #path: string;
  #length = 0;

  constructor(path: string) {
    this.#path = path;
    writeFileSync(path, '');
  }

  get length(): number {
    return this.#length;
  }

  append(accepted: Accepted): void {
    appendFileSync(this.#path, `${JSON.stringify(accepted)}\n`);
    this.#length += 1;
  }

  /** Everything accepted from the given line on. */
  read(fromLine = 0): Accepted[] {
    const lines = readFileSync(this.#path, 'utf8').split('\n').slice(fromLine, -1);
    return lines.map((line) => JSON.parse(line) as Accepted);
  }
}
