/** What stands for all values beyond the bound. */
export const other = 'other';

/** Lets the first `most` values through and calls all later ones `other`. */
export function boundedNames(most: number): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return name;
    if (known.size >= most) return other;
    known.add(name);
    return name;
  };
}

/** The attempts that have a number of their own; the origin of Millrace had five. */
const mostAttempts = 5;

const attemptLabels = Array.from({ length: mostAttempts + 1 }, (_, attempt) => String(attempt));

export function attemptLabel(attempt: number): string {
  return attemptLabels[attempt] ?? `>${mostAttempts}`;
}
