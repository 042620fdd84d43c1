/** The parts of a `traceparent` as the W3C writes it. */
export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
}

const noTraceId = '0'.repeat(32);
const noSpanId = '0'.repeat(16);
const form = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-|$)/;

/** Undefined for what is no `traceparent`: it comes from a row that anybody may have written. */
export function parseTraceparent(text: unknown): TraceParent | undefined {
  const found = typeof text === 'string' ? form.exec(text) : null;
  if (found === null) return undefined;
  const [, traceId = '', spanId = '', flags = ''] = found;
  if (traceId === noTraceId || spanId === noSpanId) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

export function formatTraceparent({ traceId, spanId, flags }: TraceParent): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`;
}
