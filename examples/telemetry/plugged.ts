/** Tools as a busy application plugs them in, for `bench/scenarios/telemetry.ts`: what they make goes nowhere. */
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BatchSpanProcessor, TracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace';
import * as Sentry from '@sentry/node';
import type { Millrace } from 'millrace';
import { opentelemetry } from 'millrace/opentelemetry';
import { prometheus } from 'millrace/prometheus';
import { sentry } from 'millrace/sentry';
import { startSentry } from './sentry-stub.ts';

const nowhere: SpanExporter = {
  export: (_spans, done) => done({ code: 0 }),
  shutdown: () => Promise.resolve(),
};

function plugTraces(millrace: Millrace): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const spanProcessors = [new BatchSpanProcessor({ exporter: nowhere })];
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors }));
  millrace.attach(opentelemetry());
}

function plugErrors(millrace: Millrace): void {
  startSentry();
  millrace.attach(sentry(Sentry));
}

export function plug(millrace: Millrace, parts: readonly string[]): void {
  if (parts.includes('metrics')) millrace.attach(prometheus());
  if (parts.includes('traces')) plugTraces(millrace);
  if (parts.includes('errors')) plugErrors(millrace);
}
