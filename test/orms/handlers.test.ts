import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { defineJob, snooze, type JobDefinition, type Millrace } from 'millrace';
import { describe, expect, it } from 'vitest';
import { until } from '../helpers/until.ts';
import { openLibrary, startApp } from './app.ts';
import { depositJob, next } from './deposit-job.ts';
import { libraries } from './libraries.ts';

const names = Object.keys(libraries);

/** Enqueues the job that the application was started with. */
const enqueueJob = ({ millrace }: { readonly millrace: Millrace }, tags: readonly string[] = []) =>
  millrace.enqueue(millrace.jobs.get('job') as JobDefinition, {}, { tags });

describe.each(names)('W21: a transactional handler with %s', (name) => {
  it('its writes, its follow-up jobs and its completion commit together', async () => {
    const inside: unknown[] = [];
    await using app = await startApp(name, (library) => [
      defineJob({
        kind: 'job',
        transaction: library.source(),
        async handler(_, { tx, enqueue, enqueueMany, id }) {
          await library.deposit(tx);
          await enqueue(next);
          await enqueueMany([next.with(), next.with()]);
          // From outside nothing of it is to be seen yet.
          inside.push(await app.balance(), await app.countOf('next'));
          inside.push((await app.millrace.get(id))?.state);
          return { text: `"it's" {done} \\ ?` };
        },
      }),
    ]);
    const { millrace, balance, countOf } = app;
    const { id } = await enqueueJob(app);
    expect(await millrace.createWorker().tick()).toBe(1);
    expect(await millrace.get(id)).toMatchObject({
      state: 'completed',
      result: { text: `"it's" {done} \\ ?` },
      attempt: 1,
    });
    expect(inside).toEqual([0, 0, 'running']);
    expect([await balance(), await countOf('next')]).toEqual([1, 3]);
  });

  it('what it throws undoes everything and fails the attempt; so does a snooze, without an attempt', async () => {
    await using app = await startApp(name, (library) => [
      defineJob({
        kind: 'job',
        transaction: library.source(),
        async handler(_, { tx, enqueue, tags }) {
          await library.deposit(tx);
          await enqueue(next);
          if (tags.length > 0) return snooze('1h');
          throw new Error('too late');
        },
      }),
    ]);
    const { millrace, balance, countOf } = app;
    const failing = await enqueueJob(app);
    const snoozing = await enqueueJob(app, ['snooze']);
    await millrace.createWorker().tick();
    expect(await millrace.get(failing.id)).toMatchObject({
      state: 'retryable',
      attempts: [{ error: { message: 'too late' } }],
    });
    expect(await millrace.get(snoozing.id)).toMatchObject({ state: 'scheduled', attempt: 0 });
    expect([await balance(), await countOf('next')]).toEqual([0, 0]);
  });

  it('an error that is ignored fails the attempt, and nothing is committed', async () => {
    await using app = await startApp(name, (library) => [
      defineJob({
        kind: 'job',
        transaction: library.source(),
        async handler(_, { tx, enqueue }) {
          await enqueue(next);
          await library.run(tx, 'SELECT 1 / 0').catch(() => {});
        },
      }),
    ]);
    const { millrace, countOf } = app;
    const { id } = await enqueueJob(app);
    await millrace.createWorker().tick();
    expect(await millrace.get(id)).toMatchObject({ state: 'retryable', attempt: 1 });
    expect(await countOf('next')).toBe(0);
  });

  it('an error of the database at the commit fails the attempt, which is not repeated', async () => {
    let runs = 0;
    await using app = await startApp(name, (library) => [
      defineJob({
        kind: 'job',
        transaction: library.source(),
        async handler(_, { tx, enqueue }) {
          runs += 1;
          await enqueue(next);
          await library.run(tx, 'INSERT INTO public.strict VALUES (1), (1)');
        },
      }),
    ]);
    const { millrace, database, countOf } = app;
    await database.query('CREATE TABLE public.strict (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)');
    const { id } = await enqueueJob(app);
    await millrace.createWorker().tick();
    expect(await millrace.get(id)).toMatchObject({ state: 'retryable', attempt: 1 });
    expect([runs, await countOf('next')]).toEqual([1, 0]);
  });

  it('G9: a serialization failure in the handler runs it again on a fresh snapshot, within the attempt', async () => {
    let runs = 0;
    await using app = await startApp(name, (library) => [
      defineJob({
        kind: 'job',
        transaction: library.source({ isolation: 'repeatable read' }),
        async handler(_, { tx, enqueue }) {
          runs += 1;
          await library.run(tx, 'SELECT balance FROM account');
          if (runs === 1)
            await app.database.query('UPDATE public.account SET balance = balance + 1');
          await library.deposit(tx);
          await enqueue(next);
        },
      }),
    ]);
    const { millrace, balance, countOf } = app;
    const { id } = await enqueueJob(app);
    await millrace.createWorker().tick();
    expect(await millrace.get(id)).toMatchObject({ state: 'completed', attempt: 1, attempts: [] });
    expect([runs, await balance(), await countOf('next')]).toEqual([2, 2, 1]);
  });

  it('G2: a lease that is lost meanwhile undoes everything', async () => {
    let runs = 0;
    await using app = await startApp(name, (library) => [
      defineJob({
        kind: 'job',
        transaction: library.source(),
        async handler(_, { tx, enqueue, id }) {
          runs += 1;
          await library.deposit(tx);
          await enqueue(next);
          // As if somebody had rescued it.
          await app.database.query(
            `UPDATE millrace.job SET state = 0, lease = 0, run_at = now() + interval '1 hour' WHERE id = $1`,
            [id],
          );
        },
      }),
    ]);
    const { millrace, balance, countOf, events } = app;
    await enqueueJob(app);
    await millrace.createWorker().tick();
    expect([runs, await balance(), await countOf('next')]).toEqual([1, 0, 0]);
    await until('it is counted', () => events.named('settle:refused').length === 1);
  });

  it('a commit whose answer is lost has its effects exactly once', async () => {
    let runs = 0;
    let lost = Promise.resolve();
    await using app = await startApp(name, (library) => [
      depositJob(library, async () => {
        runs += 1;
        lost = app.proxy.loseAnswerTo(library.commit);
      }),
    ]);
    const { millrace, balance, countOf, proxy } = app;
    const { id } = await enqueueJob(app);
    const ticked = millrace.createWorker().tick();
    await until('the handler runs', () => runs === 1);
    await lost;
    await until('it is committed', async () => (await balance()) === 1);
    proxy.cut();
    expect(await ticked).toBe(1);
    expect((await millrace.get(id))?.state).toBe('completed');
    expect([runs, await balance(), await countOf('next')]).toEqual([1, 1, 1]);
  });

  it('a database without Millrace fails the attempt with an error that says so', async () => {
    await using other = await openLibrary(name, { template: 'template0' });
    await using app = await startApp(name, () => [
      defineJob({
        kind: 'job',
        transaction: other.library.source(),
        async handler() {},
      }),
    ]);
    const { millrace } = app;
    const { id } = await enqueueJob(app);
    await millrace.createWorker().tick();
    expect(await millrace.get(id)).toMatchObject({
      state: 'retryable',
      attempts: [{ error: { code: 'MILLRACE_SCHEMA_MISSING' } }],
    });
  });

  it('a process that is killed in its midst leaves nothing, and another completes the job', async () => {
    await using app = await startApp(name, (library) => [depositJob(library)]);
    const { millrace, balance, countOf, database, proxy } = app;
    const { id } = await enqueueJob(app);
    const script = fileURLToPath(new URL('worker.ts', import.meta.url));
    const child = fork(script, [name, proxy.url, database.url], {
      execArgv: ['--conditions=@millrace/source'],
    });
    await once(child, 'message');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect([await balance(), await countOf('next')]).toEqual([0, 0]);
    const worker = millrace.createWorker();
    await worker.start();
    await until('it is completed', async () => (await millrace.get(id))?.state === 'completed');
    await worker.stop();
    expect([await balance(), await countOf('next')]).toEqual([1, 1]);
    expect(await millrace.get(id)).toMatchObject({ attempt: 1 });
  });
});
