/** A line about something that JSON cannot carry is still a line. */
export function safeJson(value: unknown): string {
  const seen = new WeakSet<object>();
  const replace = (_key: string, item: unknown): unknown => {
    if (typeof item === 'bigint') return item.toString();
    if (typeof item !== 'object' || item === null) return item;
    if (seen.has(item)) return '[seen above]';
    seen.add(item);
    if (!(item instanceof Error)) return item;
    // What makes an error readable is not enumerable, so JSON would leave it out.
    const { name, message, stack, cause } = item;
    return { ...Object.fromEntries(Object.entries(item)), name, message, stack, cause };
  };
  try {
    return JSON.stringify(value, replace) ?? String(value);
  } catch {
    return '"[not loggable]"';
  }
}
