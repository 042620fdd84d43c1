import type { LogLine } from '../core/job.ts';
import type { CaptureLimits } from '../core/telemetry-options.ts';
import { boundedText } from '../core/text.ts';
import { safeJson } from './safe-json.ts';

/** The time, level and quotes of a line. */
const frameBytes = 64;

/** What jsonb refuses although it is JSON: NUL and lone surrogates. */
const refused = /\\u0000|\\ud[89a-f]/i;

interface Kept {
  readonly line: LogLine;
  readonly bytes: number;
}

/** The last lines of an attempt, as many as there is room for: what was logged before a failure matters most. */
export class LogTail {
  readonly #limits: CaptureLimits;
  #kept: Kept[] = [];
  #bytes = 0;
  #dropped = 0;

  constructor(limits: CaptureLimits) {
    this.#limits = limits;
  }

  add(at: Date, level: LogLine['level'], details: object, message: string): void {
    const room = this.#limits.bytes - frameBytes;
    const text = boundedText(message, Math.floor(room / 2));
    const json = safeJson(details);
    const isWhole = json.length <= room / 2 && !refused.test(json);
    const line: LogLine = {
      at,
      level,
      message: text,
      details: isWhole ? (JSON.parse(json) as LogLine['details']) : boundedText(json, room / 2),
    };
    const bytes = Buffer.byteLength(JSON.stringify(line));
    this.#kept.push({ line, bytes });
    this.#bytes += bytes;
    while (this.#kept.length > this.#limits.lines || this.#bytes > this.#limits.bytes) this.#drop();
  }

  #drop(): void {
    this.#bytes -= this.#kept.shift()?.bytes ?? 0;
    this.#dropped += 1;
  }

  /** Null when nothing was logged. */
  lines(): readonly LogLine[] | null {
    const [first] = this.#kept;
    if (first === undefined) return null;
    const lines = this.#kept.map(({ line }) => line);
    if (this.#dropped === 0) return lines;
    const message = `${this.#dropped} earlier lines were not kept`;
    return [{ at: first.line.at, level: 'debug', message, details: {} }, ...lines];
  }
}
