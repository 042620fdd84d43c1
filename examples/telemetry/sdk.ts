/** The third line of the SDK, as an application starts it. */
import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  TracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace';
import type { Sdk } from '../../test/telemetry/tracing-suite.ts';

export function startSdk(): Sdk {
  const exporter = new InMemorySpanExporter();
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 3_600_000,
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(
    new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
  );
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  return {
    finished: () => exporter.getFinishedSpans(),
    forget: () => exporter.reset(),
    activeSpanId: () => trace.getActiveSpan()?.spanContext().spanId,
    within: (name, body) =>
      trace.getTracer('test').startActiveSpan(name, async (span) => {
        try {
          return await body();
        } finally {
          span.end();
        }
      }),
    async metrics() {
      await reader.forceFlush();
      const found = metricExporter
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics)
        .flatMap((scope) => scope.metrics);
      return new Map(
        found.map(({ descriptor, dataPoints }) => [
          descriptor.name,
          dataPoints.map(({ attributes }) => attributes),
        ]),
      );
    },
  };
}
