const encoder = new TextEncoder();

/** What JSON makes of one UTF-16 unit at the most: an escape such as `\u001f`. */
const mostBytesPerUnit = 6;

/** The bytes of a text as JSON, without the quotes around it. */
function jsonBytes(text: string): number {
  return encoder.encode(JSON.stringify(text)).length - 2;
}

/**
 * Text that PostgreSQL takes, without NUL and lone surrogates, cut with a sign that it was cut to at most `maxBytes`
 * as JSON in UTF-8.
 */
export function boundedText(text: string, maxBytes: number): string {
  // A UTF-16 unit takes at least one byte, so what lies further back cannot fit and need not be looked at.
  const safe = text
    .slice(0, maxBytes + 1)
    .replaceAll('\u0000', '\uFFFD')
    .toWellFormed();
  if (safe.length * mostBytesPerUnit <= maxBytes || jsonBytes(safe) <= maxBytes) return safe;
  const sign = '…';
  const room = maxBytes - jsonBytes(sign);
  let fits = 0;
  let exceeds = safe.length;
  while (exceeds - fits > 1) {
    const middle = Math.floor((fits + exceeds) / 2);
    if (jsonBytes(safe.slice(0, middle)) <= room) fits = middle;
    else exceeds = middle;
  }
  // Half a character costs more than a whole one, so the longest prefix that fits never ends in one.
  return safe.slice(0, fits) + sign;
}

/** Any value for people, on one line of an error message; never throws. */
export function show(value: unknown, maxBytes = 200): string {
  return boundedText(typeof value === 'string' ? JSON.stringify(value) : describe(value), maxBytes);
}

/** Any value as text, whatever its getters, traps and conversions do; never throws. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return value;
  return (
    (typeof value === 'object' ? tryText(() => JSON.stringify(value)) : undefined) ??
    tryText(() => String(value)) ??
    `an unreadable ${typeof value}`
  );
}

/** What `read` answers if that is a text; undefined if it is none, or if reading throws. */
export function tryText(read: () => unknown): string | undefined {
  try {
    const text = read();
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}
