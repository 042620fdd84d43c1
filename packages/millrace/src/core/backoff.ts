/** Pauses that double from the first to the longest. */
export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * The pause before the next try, 1 for the first pause. It is spread over its upper half, so that those who failed
 * together do not come back together. `random` is a number from 0 to 1 that the caller draws.
 */
export function backoffMs({ firstMs, longestMs }: Backoff, tries: number, random: number): number {
  // Beyond this power the longest pause is long reached, and the power would overflow.
  const doubled = firstMs * 2 ** Math.min(tries - 1, 40);
  return Math.min(longestMs, doubled) * (0.5 + 0.5 * random);
}
