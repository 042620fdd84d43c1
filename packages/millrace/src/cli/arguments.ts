import { InvalidArgumentError } from 'commander';
import type { Json } from '../core/json.ts';

/** An option's value as a whole number. */
export function wholeNumber(text: string): number {
  if (/^-?\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

/** An option's value as a list with commas between, each one of `known`. */
export function listOf<const T extends string>(known: readonly T[]): (text: string) => T[] {
  return (text) =>
    text.split(',').map((part) => {
      const found = known.find((name) => name === part.trim());
      if (found !== undefined) return found;
      throw new InvalidArgumentError(`Allowed are ${known.join(', ')}.`);
    });
}

/** An option's value as JSON. */
export function json(text: string): Json {
  try {
    return parseJson(text);
  } catch (error) {
    throw new InvalidArgumentError(
      `It is not JSON: ${error instanceof Error ? error.message : ''}`,
    );
  }
}

/** @throws SyntaxError, or Error where a number has more digits than JavaScript keeps */
export function parseJson(text: string): Json {
  return JSON.parse(text, keepExact) as Json;
}

/** JavaScript would round such a number without a word. */
function keepExact(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source ?? '';
  if (typeof value === 'number' && /^-?\d+$/.test(source) && !Number.isSafeInteger(value)) {
    throw new Error(`${source} has more digits than a JavaScript number keeps; write it as text`);
  }
  return value;
}
