import { spawn, type ChildProcess } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { defineJob, every, type AnyJobDefinition } from 'millrace';
import { startFlakyProxy } from '../helpers/flaky-proxy.ts';
import { createTestMillrace } from '../helpers/millrace.ts';
import { recordEvents } from '../helpers/recorded.ts';
import { until } from '../helpers/until.ts';

const open: AsyncDisposable[] = [];
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function app(jobs: readonly AnyJobDefinition[]) {
  const made = await createTestMillrace({ jobs });
  open.push(made);
  return made;
}

/** A handler that goes on until its signal aborts, and then does what it was made for. */
function goingOn(then: 'throws' | 'completes' | 'ignores') {
  const started: string[] = [];
  const reasons: unknown[] = [];
  const gate = Promise.withResolvers<void>();
  const job = defineJob({
    kind: then,
    async handler(_, { id, signal }) {
      started.push(id);
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          if (then === 'throws') reject(signal.reason as Error);
          if (then === 'completes') resolve();
        });
        void gate.promise.then(resolve);
      });
      return then;
    },
  });
  return { job, started, reasons, letGo: () => gate.resolve() };
}

describe('stop', () => {
  it('G22: lets running handlers end within the grace, and claims nothing more', async () => {
    const { job, started, reasons, letGo } = goingOn('throws');
    const { millrace } = await app([job]);
    const worker = millrace.createWorker({ concurrency: 1 });
    const first = await millrace.enqueue(job);
    const second = await millrace.enqueue(job);
    await worker.start();
    await until('it runs', () => started.length === 1);
    const stopped = worker.stop();
    letGo();
    expect(await stopped).toEqual({ givenBack: 0 });
    expect(reasons).toEqual([]);
    expect(await millrace.get(first.id)).toMatchObject({ state: 'completed' });
    expect(await millrace.get(second.id)).toMatchObject({ state: 'available', attempt: 0 });
  });

  it('G22 G9: after the grace handlers are told, and what they throw gives the job back unused', async () => {
    const { job, started, reasons } = goingOn('throws');
    const { database, millrace } = await app([job]);
    const worker = millrace.createWorker({ stopGrace: '20ms' });
    const { id } = await millrace.enqueue(job);
    await worker.start();
    await until('it runs', () => started.length === 1);
    const [before] = await database.query('SELECT run_at FROM millrace.job');
    expect(await worker.stop()).toEqual({ givenBack: 1 });
    expect(reasons).toMatchObject([{ code: 'MILLRACE_STOPPED' }]);
    expect(await millrace.get(id)).toMatchObject({
      state: 'available',
      attempt: 0,
      crashes: 0,
      attempts: [],
    });
    expect(await database.query('SELECT run_at FROM millrace.job')).toEqual([before]);
    expect(await database.query('SELECT 1 FROM millrace.worker')).toEqual([]);
  });

  it('G22: a handler that completes when it is told has completed', async () => {
    const { job, started } = goingOn('completes');
    const { millrace } = await app([job]);
    const worker = millrace.createWorker({ stopGrace: 0 });
    const { id } = await millrace.enqueue(job);
    await worker.start();
    await until('it runs', () => started.length === 1);
    expect(await worker.stop()).toEqual({ givenBack: 0 });
    expect(await millrace.get(id)).toMatchObject({ state: 'completed', result: 'completes' });
  });

  it('G22: a handler that ignores its signal is given back, and what it comes to later does not count', async () => {
    const { job, started, letGo } = goingOn('ignores');
    const made = await app([job]);
    const events = recordEvents(made.millrace);
    const worker = made.millrace.createWorker({ stopGrace: 0 });
    const { id } = await made.millrace.enqueue(job);
    const ticked = worker.tick();
    await until('it runs', () => started.length === 1);
    expect(await worker.stop()).toEqual({ givenBack: 1 });
    expect(await ticked).toBe(1);
    letGo();
    await until('its end is counted', () => events.named('settle:refused').length === 1);
    expect(await made.millrace.get(id)).toMatchObject({ state: 'available', attempt: 0 });
  });

  it('G22: twice, at once, before and during the start, it always resolves', async () => {
    const job = defineJob({ kind: 'job', async handler() {} });
    const { database, millrace } = await app([job]);

    const never = millrace.createWorker();
    expect(await never.stop()).toEqual({ givenBack: 0 });
    await expect(never.start()).rejects.toMatchObject({ code: 'MILLRACE_STOPPED' });
    await expect(never.tick()).rejects.toMatchObject({ code: 'MILLRACE_STOPPED' });

    const early = millrace.createWorker();
    const [start, stop] = await Promise.allSettled([early.start(), early.stop()]);
    expect(start).toMatchObject({ status: 'rejected', reason: { code: 'MILLRACE_STOPPED' } });
    expect(stop).toMatchObject({ status: 'fulfilled' });

    const twice = millrace.createWorker();
    await twice.start();
    await twice.start();
    const answers = await Promise.all([twice.stop(), twice.stop(), twice[Symbol.asyncDispose]()]);
    expect(answers.slice(0, 2)).toEqual([{ givenBack: 0 }, { givenBack: 0 }]);
    expect(await twice.stop()).toEqual({ givenBack: 0 });
    expect(await database.query('SELECT 1 FROM millrace.worker')).toEqual([]);
  });

  it('G22: a later call may shorten the grace, and a wrong option stops nothing', async () => {
    const { job, started, reasons } = goingOn('throws');
    const { millrace } = await app([job]);
    const worker = millrace.createWorker({ stopGrace: '1h' });
    await millrace.enqueue(job);
    await worker.start();
    await until('it runs', () => started.length === 1);
    await expect(worker.stop({ grace: -1 })).rejects.toMatchObject({
      code: 'MILLRACE_DURATION_INVALID',
    });
    const stopped = worker.stop();
    expect(await worker.stop({ grace: 0 })).toEqual({ givenBack: 1 });
    expect(await stopped).toEqual({ givenBack: 1 });
    expect(reasons).toMatchObject([{ code: 'MILLRACE_STOPPED' }]);
  });

  it.each(['worker', 'scheduler'] as const)(
    'G22: of a %s, in a loop by many callers and at any moment of its start, always resolves, and nothing of it goes on',
    async (role) => {
      const job = defineJob({ kind: 'job', schedule: every('1h'), async handler() {} });
      const { database, millrace } = await app([job]);
      for (let turns = 0; turns < 30; turns++) {
        const service = role === 'worker' ? millrace.createWorker() : millrace.createScheduler();
        const started = service.start().catch((error: unknown) => error);
        for (let turn = 0; turn < turns; turn++) await setImmediate();
        await Promise.all([service.stop(), service.stop(), service[Symbol.asyncDispose]()]);
        const error = await started;
        if (error !== undefined) expect(error).toMatchObject({ code: 'MILLRACE_STOPPED' });
        await service.stop();
        await expect(service.start()).rejects.toMatchObject({ code: 'MILLRACE_STOPPED' });
      }
      expect(await database.query('SELECT 1 FROM millrace.worker')).toEqual([]);
    },
  );

  it('G22: ends in bounded time while the database is away', async () => {
    const { job, started } = goingOn('throws');
    const made = await app([job]);
    await using proxy = await startFlakyProxy(made.database.url);
    await using cut = await createTestMillrace({ jobs: [job], connection: proxy.url });
    const worker = cut.millrace.createWorker({ stopGrace: 0 });
    await made.millrace.enqueue(job);
    await worker.start();
    await until('it runs', () => started.length === 1);
    proxy.block();
    const askedMs = performance.now();
    expect(await worker.stop()).toEqual({ givenBack: 0 });
    expect(performance.now() - askedMs).toBeLessThan(20_000);
  });
});

describe('run', () => {
  it('resolves when its signal aborts, and when somebody else stops the worker', async () => {
    const job = defineJob({ kind: 'job', async handler() {} });
    const { millrace } = await app([job]);
    const listeners = () => process.listenerCount('SIGTERM') + process.listenerCount('SIGINT');
    const before = listeners();
    const asked = new AbortController();
    const one = millrace.createWorker();
    const first = one.run({ signal: asked.signal });
    const two = millrace.createWorker();
    const second = two.run();
    expect(listeners()).toBe(before + 4);
    asked.abort();
    expect(await first).toEqual({ givenBack: 0 });
    await two.stop();
    expect(await second).toEqual({ givenBack: 0 });
    expect(await millrace.createWorker().run({ signal: asked.signal })).toEqual({ givenBack: 0 });
    expect(listeners()).toBe(before);
  });

  it('rejects when the worker cannot start', async () => {
    const job = defineJob({ kind: 'job', async handler() {} });
    const empty = await createTestMillrace({ jobs: [job], database: { template: 'template0' } });
    open.push(empty);
    await expect(empty.millrace.createWorker().run()).rejects.toMatchObject({
      code: 'MILLRACE_SCHEMA_MISSING',
    });
  });
});

describe('a process that runs a worker', () => {
  /** Runs a worker in a process of its own until it is told to stop. */
  function start(url: string): {
    child: ChildProcess;
    ended: Promise<number | null>;
    output: () => string;
  } {
    const script = `
      import { createMillrace, defineJob } from 'millrace';
      const job = defineJob({
        kind: 'endless',
        async handler(_, { signal }) {
          console.log('it runs');
          await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        },
      });
      const millrace = createMillrace({ connection: ${JSON.stringify(url)}, jobs: [job], logger: false });
      millrace.subscribe(({ name }) => console.log(name));
      console.log(JSON.stringify(await millrace.createWorker({ stopGrace: 0 }).run()));
      await millrace.close();`;
    const options = ['--conditions=@millrace/source', '--input-type=module', '--eval', script];
    const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    return { child, ended, output: () => output };
  }

  it('G22: stops at SIGTERM, also when it comes twice, and gives back what runs', async () => {
    const endless = defineJob({ kind: 'endless' });
    const { database, millrace } = await app([endless]);
    const { id } = await millrace.enqueue(endless);
    const { child, ended, output } = start(database.url);
    await until('it runs', () => output().includes('it runs'));
    child.kill('SIGTERM');
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(output()).toContain('{"givenBack":1}');
    expect(await millrace.get(id)).toMatchObject({ state: 'available', attempt: 0 });
  });

  it('G16: outlives an outage of its database, and works on after it', async () => {
    const endless = defineJob({ kind: 'endless' });
    const { database, millrace } = await app([endless]);
    await using proxy = await startFlakyProxy(database.url);
    const { child, ended, output } = start(proxy.url);
    await until('it works', () => output().includes('claim:empty'));
    proxy.block();
    await until('it notices', () => output().includes('claim:failed'));
    const tries = () => output().split('worker:heartbeat-failed').length;
    await until('it tries again and again', () => tries() > 4);
    proxy.restore();
    await millrace.enqueue(endless);
    await until('it works again', () => output().includes('it runs'));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});
