import { expect, it } from 'vitest';
import { checkOptions } from './options.ts';
import {
  captureLimits,
  opentelemetryChecks,
  prometheusChecks,
  telemetryDefaults,
} from './telemetry-options.ts';

it.each<[unknown, object | undefined]>([
  [undefined, undefined],
  [false, undefined],
  [true, { lines: 100, bytes: 16_384 }],
  [{}, { lines: 100, bytes: 16_384 }],
  [{ lines: 5 }, { lines: 5, bytes: 16_384 }],
  [{ bytes: 1_024 }, { lines: 100, bytes: 1_024 }],
])('%j keeps of the log of an attempt %j', (value, limits) => {
  expect(captureLimits(value, 'captureLogs')).toEqual(limits);
});

it.each<[object, string]>([
  [{ lines: 0 }, 'captureLogs.lines must be a whole number from 1 to 10000'],
  [{ lines: 10_001 }, 'captureLogs.lines must be a whole number from 1 to 10000'],
  [{ bytes: 1_023 }, 'captureLogs.bytes must be a whole number from 1024 to 1048576'],
  [{ bytes: 1_048_577 }, 'captureLogs.bytes must be a whole number from 1024 to 1048576'],
  [{ byte: 5 }, "did you mean 'bytes'?"],
])('%j is refused as a bound of logs', (value, message) => {
  expect(() => captureLimits(value, 'captureLogs')).toThrow(message);
});

it('the widest bounds of logs are taken', () => {
  const widest = { lines: 10_000, bytes: 1_048_576 };
  expect(captureLimits(widest, 'captureLogs')).toEqual(widest);
});

it('a job is late for Prometheus after half a minute, unless that is told otherwise', () => {
  expect(telemetryDefaults.targetDelayMs).toBe(30_000);
  expect(checkOptions(prometheusChecks, { targetDelay: '1m' }, 'prometheus')).toEqual({
    targetDelay: 60_000,
  });
  expect(() => checkOptions(prometheusChecks, { targetDelay: 0 }, 'prometheus')).toThrow(
    'longer than zero',
  );
});

it('OpenTelemetry takes what its options name, and nothing else', () => {
  for (const trace of ['link', 'parent'])
    expect(checkOptions(opentelemetryChecks, { trace }, 'otel')).toEqual({ trace });
  for (const spanName of ['queue', 'kind'])
    expect(checkOptions(opentelemetryChecks, { spanName }, 'otel')).toEqual({ spanName });
  expect(() => checkOptions(opentelemetryChecks, { trace: 'child' }, 'otel')).toThrow(
    "'link' or 'parent'",
  );
  expect(() => checkOptions(opentelemetryChecks, { metrics: 'no' }, 'otel')).toThrow(
    'true or false',
  );
});
