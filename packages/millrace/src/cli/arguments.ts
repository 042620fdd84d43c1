import { InvalidArgumentError } from 'commander';

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
