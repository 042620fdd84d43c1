import type { FinishedSpan } from '../../test/telemetry/tracing-suite.ts';

/** The spans of one trace, each below the one that it belongs to. */
export function traceTree(spans: readonly FinishedSpan[], traceId: string | undefined): string {
  const own = spans.filter((span) => span.spanContext().traceId === traceId);
  const below = (parent: string | undefined, depth: number): string[] =>
    own
      .filter((span) => span.parentSpanContext?.spanId === parent)
      .flatMap((span) => [line(span, depth), ...below(span.spanContext().spanId, depth + 1)]);
  return below(undefined, 0).join('\n');
}

function line({ name, attributes, status }: FinishedSpan, depth: number): string {
  const facts = ['kind', 'attempt', 'state'].flatMap((fact) => {
    const value = attributes[`millrace.job.${fact}`];
    return value === undefined ? [] : [`${fact}=${String(value)}`];
  });
  const error = status.message === undefined ? [] : [`"${status.message}"`];
  return [`${'  '.repeat(depth)}${name}`, ...facts, ...error].join('  ');
}
