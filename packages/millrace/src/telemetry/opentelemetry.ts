import {
  context,
  createTraceState,
  INVALID_TRACEID,
  isSpanContextValid,
  metrics,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api';
import { nameOf, toAttemptError } from '../core/attempt-error.ts';
import type { AttemptError, ClaimedJob, JobMeta } from '../core/job.ts';
import { checkOptions, defaults } from '../core/options.ts';
import type { NewJob } from '../core/storage.ts';
import type { AttemptEnd, EnqueueEnd, Telemetry, TraceContext } from '../core/telemetry.ts';
import { opentelemetryChecks } from '../core/telemetry-options.ts';
import { formatTraceparent, parseTraceparent } from '../core/trace-context.ts';
import { attribute, instrument, system } from './opentelemetry-names.ts';

/** What `opentelemetry` takes. */
export interface OpenTelemetryOptions {
  /**
   * How an attempt's span belongs to the span that enqueued the job. `link`: a trace of its own that points to it, for jobs may
   * run hours later, and several times. `parent`: the same trace. Default `link`.
   */
  readonly trace?: 'link' | 'parent';
  /** What an attempt's span is called: `process` and the queue, as the conventions have it, or the kind. Default `queue`. */
  readonly spanName?: 'queue' | 'kind';
  /** Also records the conventions' metrics. Default false. */
  readonly metrics?: boolean;
}

/**
 * Spans for enqueueing and for each attempt, by the API of OpenTelemetry: without an SDK that is registered in the process they
 * cost next to nothing and go nowhere. The context travels in the job as `traceparent`; baggage does not.
 * @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID
 */
export function opentelemetry(options: OpenTelemetryOptions = {}): Telemetry {
  const checked = checkOptions(opentelemetryChecks, options, 'opentelemetry');
  const isParent = checked.trace === 'parent';
  const isNamedByKind = checked.spanName === 'kind';
  let tracer: Tracer = trace.getTracer(system);
  let recorded: Recorded | undefined;
  return {
    name: 'opentelemetry',

    watch({ version }) {
      tracer = trace.getTracer(system, version);
      if (checked.metrics === true) recorded = makeInstruments(version);
    },

    async aroundEnqueue(jobs, run) {
      const attributes = sendAttributes(jobs);
      const queue = attributes[attribute.destination];
      const name = typeof queue === 'string' ? `send ${queue}` : 'send';
      const span = tracer.startSpan(name, { kind: SpanKind.PRODUCER, attributes });
      const end = await context.with(trace.setSpan(context.active(), span), () =>
        run(carriedBy(span.spanContext())),
      );
      endSend(span, end);
      recorded?.send(attributes, jobs.length, end);
    },

    aroundAttempt(job, run) {
      const attributes = processAttributes(job);
      const producer = producerOf(job.meta);
      const name = isNamedByKind ? job.kind : `process ${job.queue}`;
      const what = { kind: SpanKind.CONSUMER, attributes };
      const span =
        isParent && producer !== undefined
          ? tracer.startSpan(name, what, within(producer))
          : tracer.startSpan(name, { ...what, root: true, links: linksTo(producer) });
      const { traceId } = span.spanContext();
      const known = traceId === INVALID_TRACEID ? undefined : traceId;
      const running = context.with(trace.setSpan(context.active(), span), run, undefined, known);
      return running.then((end) => {
        endProcess(span, end);
        recorded?.process(attributes, end);
      });
    },
  };
}

function within(producer: SpanContext): Context {
  return trace.setSpanContext(context.active(), producer);
}

function linksTo(producer: SpanContext | undefined): Link[] {
  return producer === undefined ? [] : [{ context: producer }];
}

/** Undefined without an SDK, or where the trace is not to go on. */
function carriedBy(spanContext: SpanContext): TraceContext | undefined {
  if (!isSpanContextValid(spanContext)) return undefined;
  const { traceId, spanId, traceFlags, traceState } = spanContext;
  const tracestate = traceState?.serialize() ?? '';
  return {
    traceparent: formatTraceparent({ traceId, spanId, flags: traceFlags }),
    ...(tracestate !== '' && { tracestate }),
  };
}

function producerOf({ traceparent, tracestate }: JobMeta): SpanContext | undefined {
  const parent = parseTraceparent(traceparent);
  if (parent === undefined) return undefined;
  const { traceId, spanId, flags } = parent;
  return {
    traceId,
    spanId,
    traceFlags: flags & TraceFlags.SAMPLED,
    isRemote: true,
    ...(typeof tracestate === 'string' && { traceState: createTraceState(tracestate) }),
  };
}

function sendAttributes(jobs: readonly NewJob[]): Attributes {
  const [first] = jobs;
  const same = (of: (job: NewJob) => string) =>
    first !== undefined && jobs.every((job) => of(job) === of(first)) ? of(first) : undefined;
  const queue = same((job) => job.queue);
  const kind = same((job) => job.kind);
  return {
    [attribute.system]: system,
    [attribute.operationType]: 'send',
    [attribute.operationName]: 'enqueue',
    ...(queue !== undefined && { [attribute.destination]: queue }),
    ...(kind !== undefined && { [attribute.kind]: kind }),
    ...(jobs.length > 1 && { [attribute.batchCount]: jobs.length }),
  };
}

function endSend(span: Span, end: EnqueueEnd): void {
  if ('error' in end) fail(span, toAttemptError(end.error, defaults.errorMaxBytes));
  else if (end.answers.length === 1)
    span.setAttribute(attribute.messageId, end.answers[0]?.id ?? '');
  span.end();
}

function processAttributes(job: ClaimedJob): Attributes {
  const attributes: Attributes = {
    [attribute.system]: system,
    [attribute.operationType]: 'process',
    [attribute.operationName]: 'process',
    [attribute.destination]: job.queue,
    [attribute.messageId]: job.id,
    [attribute.kind]: job.kind,
    [attribute.attempt]: job.attempt,
    [attribute.maxAttempts]: job.maxAttempts,
  };
  if (job.meta.schedule !== undefined) attributes[attribute.schedule] = job.meta.schedule;
  return attributes;
}

function endProcess(span: Span, { finished }: AttemptEnd): void {
  span.setAttribute(attribute.state, finished.state);
  if (finished.error !== null) fail(span, finished.error);
  span.end();
}

function fail(span: Span, error: AttemptError): void {
  const { name, message, stack } = error;
  span.setAttribute(attribute.errorType, name);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  span.recordException({ name, message, ...(stack !== undefined && { stack }) });
}

type Recorded = ReturnType<typeof makeInstruments>;

function makeInstruments(version: string) {
  const meter = metrics.getMeter(system, version);
  const seconds = { unit: 's' };
  const messages = { unit: '{message}' };
  const operationDuration = meter.createHistogram(instrument.operationDuration, seconds);
  const processDuration = meter.createHistogram(instrument.processDuration, seconds);
  const sent = meter.createCounter(instrument.sent, messages);
  const consumed = meter.createCounter(instrument.consumed, messages);
  return {
    send(of: Attributes, jobs: number, end: EnqueueEnd): void {
      const attributes = {
        ...common(of),
        ...('error' in end && { [attribute.errorType]: nameOf(end.error) }),
      };
      operationDuration.record(end.durationMs / 1_000, attributes);
      sent.add(jobs, attributes);
    },
    process(of: Attributes, { finished }: AttemptEnd): void {
      const attributes = {
        ...common(of),
        ...(finished.exception !== '' && { [attribute.errorType]: finished.exception }),
      };
      processDuration.record(finished.durationMs / 1_000, attributes);
      consumed.add(1, attributes);
    },
  };
}

/** What has few values: no id, no attempt. */
function common(of: Attributes): Attributes {
  const names = [
    attribute.system,
    attribute.operationName,
    attribute.destination,
    attribute.kind,
  ] as const;
  return Object.fromEntries(names.flatMap((name) => (name in of ? [[name, of[name]]] : [])));
}
