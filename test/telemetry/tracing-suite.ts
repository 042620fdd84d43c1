import { afterEach, describe, expect, it } from 'vitest';
import { defineJob, delays, type AnyJobDefinition, type Logger } from 'millrace';
import { opentelemetry, type OpenTelemetryOptions } from 'millrace/opentelemetry';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { until } from '../helpers/until.ts';

/** A finished span, as both lines of the SDK have it. */
export interface FinishedSpan {
  readonly name: string;
  /** 3: producer, 4: consumer. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly status: { readonly code: number; readonly message?: string };
  readonly links: readonly { readonly context: { readonly spanId: string; traceId: string } }[];
  readonly events: readonly { readonly name: string }[];
  readonly parentSpanContext?: { readonly spanId: string };
  spanContext(): { readonly traceId: string; readonly spanId: string };
}

/** An SDK that is registered in this process, with exporters in memory. */
export interface Sdk {
  finished(): readonly FinishedSpan[];
  forget(): void;
  /** Runs `body` inside a span. */
  within<T>(name: string, body: () => Promise<T>): Promise<T>;
  /** The id of the span that is active where this is called. */
  activeSpanId(): string | undefined;
  /** The names of the metrics that were recorded, with the attributes of each of their points. */
  metrics(): Promise<ReadonlyMap<string, readonly Readonly<Record<string, unknown>>[]>>;
}

const producer = 3;
const consumer = 4;
const failed = 2;

/** What the tests work with. */
interface Place {
  readonly sdk: Sdk;
  app(
    jobs: readonly AnyJobDefinition[],
    options?: OpenTelemetryOptions,
    logger?: Logger,
  ): Promise<TestMillrace>;
  /** What is finished, once there are so many. */
  spans(count: number): Promise<readonly FinishedSpan[]>;
}

function placeWith(sdk: Sdk): Place {
  const open: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
    sdk.forget();
  });
  return {
    sdk,
    async app(jobs, options = {}, logger) {
      const made = await createTestMillrace({ jobs, ...(logger !== undefined && { logger }) });
      made.millrace.attach(opentelemetry(options));
      open.push(made);
      return made;
    },
    async spans(count) {
      await until(`${count} spans are finished`, () => sdk.finished().length >= count);
      return sdk.finished();
    },
  };
}

function named(all: readonly FinishedSpan[], name: string): FinishedSpan {
  const found = all.find((span) => span.name === name);
  if (found !== undefined) return found;
  throw new Error(`There is no span ${name}, only ${all.map((span) => span.name).join(', ')}.`);
}

/** What holds with each line of the SDK. */
export function tracingSuite(line: string, sdk: Sdk): void {
  describe(line, () => {
    const place = placeWith(sdk);
    attemptsAreSpans(place);
    restOfTracing(place);
  });
}

function attemptsAreSpans({ sdk, app, spans }: Place): void {
  it('W14: a span surrounds the handler, in a trace of its own that links to the enqueueing', async () => {
    let inHandler: string | undefined;
    const job = defineJob({
      kind: 'mail',
      async handler() {
        inHandler = sdk.activeSpanId();
      },
    });
    const { millrace } = await app([job]);
    const { id } = await sdk.within('request', () => millrace.enqueue(job));
    await millrace.createWorker().tick();
    const all = await spans(3);
    const send = named(all, 'send default');
    const process = named(all, 'process default');
    expect(send.kind).toBe(producer);
    expect(send.spanContext().traceId).toBe(named(all, 'request').spanContext().traceId);
    expect(send.attributes).toMatchObject({
      'messaging.system.name': 'millrace',
      'messaging.operation.type': 'send',
      'messaging.message.id': id,
    });
    expect(process.kind).toBe(consumer);
    expect(process.spanContext().spanId).toBe(inHandler);
    expect(process.parentSpanContext).toBeUndefined();
    expect(process.spanContext().traceId).not.toBe(send.spanContext().traceId);
    expect(process.links.map((link) => link.context.spanId)).toEqual([send.spanContext().spanId]);
    expect(process.attributes).toMatchObject({
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'default',
      'messaging.message.id': id,
      'millrace.job.kind': 'mail',
      'millrace.job.attempt': 1,
      'millrace.job.state': 'completed',
    });
  });

  it('W14: by options the attempt is part of the trace that enqueued it, and is called as the job', async () => {
    const second = defineJob({ kind: 'second', async handler() {} });
    const first = defineJob({
      kind: 'first',
      async handler(_, context) {
        await context.enqueue(second);
      },
    });
    const { millrace } = await app([first, second], { trace: 'parent', spanName: 'kind' });
    await sdk.within('request', () => millrace.enqueue(first));
    const worker = millrace.createWorker({ concurrency: 1 });
    await worker.tick();
    await worker.tick();
    const all = await spans(5);
    expect(new Set(all.map((span) => span.spanContext().traceId)).size).toBe(1);
    const send = all.find((span) => span.attributes['millrace.job.kind'] === 'second');
    expect(send?.parentSpanContext?.spanId).toBe(named(all, 'first').spanContext().spanId);
    expect(named(all, 'second').parentSpanContext?.spanId).toBe(send?.spanContext().spanId);
  });

  it('each attempt has a span, and one that failed says why', async () => {
    const job = defineJob({
      kind: 'broken',
      maxAttempts: 2,
      retry: delays([0]),
      handler() {
        throw new RangeError('too far');
      },
    });
    const { millrace } = await app([job]);
    await millrace.enqueue(job);
    const worker = millrace.createWorker();
    await worker.tick();
    await worker.tick();
    const attempts = (await spans(3)).filter((span) => span.kind === consumer);
    expect(attempts.map((span) => span.attributes['millrace.job.state'])).toEqual([
      'available',
      'discarded',
    ]);
    for (const span of attempts) {
      expect(span.status).toMatchObject({ code: failed, message: 'too far' });
      expect(span.attributes['error.type']).toBe('RangeError');
      expect(span.events.map((event) => event.name)).toEqual(['exception']);
    }
  });
}

function restOfTracing({ sdk, app, spans }: Place): void {
  it('many jobs are sent in one span, of which a failure tells', async () => {
    const job = defineJob({ kind: 'mail', async handler() {} });
    const { millrace } = await app([job]);
    await millrace.enqueueMany([job.with(), job.with(), job.with({}, { queue: 'other' })]);
    const tx = millrace.transaction(async (open_) => {
      await open_.query('SET TRANSACTION READ ONLY');
      await millrace.enqueue(job, {}, { tx: open_ });
    });
    await expect(tx).rejects.toThrow();
    const [batch, broken] = await spans(2);
    expect(batch).toMatchObject({
      name: 'send',
      attributes: { 'messaging.batch.message_count': 3, 'millrace.job.kind': 'mail' },
    });
    expect(broken?.status.code).toBe(failed);
  });

  it('the lines of a job name the trace of its attempt', async () => {
    const lines: object[] = [];
    const note = (details: object) => void lines.push(details);
    const job = defineJob({
      kind: 'mail',
      async handler(_, { logger }) {
        logger.info({}, 'sent');
      },
    });
    const logger = { debug() {}, info: note, warn: note, error: note };
    const { millrace } = await app([job], {}, logger);
    const { id } = await millrace.enqueue(job);
    await millrace.createWorker().tick();
    const { traceId } = named(await spans(2), 'process default').spanContext();
    await until('the attempt is logged', () => lines.some((line) => 'state' in line));
    const ofJob = lines.filter((each) => 'id' in each && each.id === id);
    expect(ofJob).toHaveLength(2);
    for (const each of ofJob)
      expect(each).toMatchObject({ kind: 'mail', queue: 'default', traceId });
  });

  it('metrics are those of the conventions, without ids', async () => {
    const job = defineJob({ kind: 'mail', async handler() {} });
    const { millrace } = await app([job], { metrics: true });
    await millrace.enqueue(job);
    await millrace.createWorker().tick();
    await spans(2);
    const recorded = await sdk.metrics();
    expect([...recorded.keys()].toSorted()).toEqual([
      'messaging.client.consumed.messages',
      'messaging.client.operation.duration',
      'messaging.client.sent.messages',
      'messaging.process.duration',
    ]);
    expect(recorded.get('messaging.process.duration')).toEqual([
      {
        'messaging.system.name': 'millrace',
        'messaging.operation.name': 'process',
        'messaging.destination.name': 'default',
        'millrace.job.kind': 'mail',
      },
    ]);
  });
}
