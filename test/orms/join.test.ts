import { defineJob, type MillraceError, type TransactionHandle } from 'millrace';
import { describe, expect, it } from 'vitest';
import { openLibrary, startApp } from './app.ts';
import { libraries } from './libraries.ts';

const job = defineJob({ kind: 'job' });

class Undone extends Error {}

describe.each(Object.keys(libraries))('W21: tx of %s', (name) => {
  it('enqueue and enqueueMany commit with the rows of the user', async () => {
    await using app = await startApp(name);
    const { library, millrace } = app;
    const seen: number[] = [];
    await library.transaction(async (tx) => {
      await library.deposit(tx);
      const { id, status } = await millrace.enqueue(job, {}, { tx, tags: [`it's "{$1}" \\?`] });
      expect([typeof id, status]).toEqual(['string', 'created']);
      expect(await millrace.enqueueMany([job.with(), job.with()], { tx })).toHaveLength(2);
      seen.push(await app.countOf('job'));
    });
    expect(seen).toEqual([0]);
    expect([await app.balance(), await app.countOf('job')]).toEqual([1, 3]);
    const { jobs } = await millrace.list({ kind: 'job' });
    expect(jobs.at(-1)).toMatchObject({ tags: [`it's "{$1}" \\?`] });
  });

  it('enqueue and enqueueMany are rolled back with the rows of the user', async () => {
    await using app = await startApp(name);
    const { library, millrace } = app;
    const rolledBack = library.transaction(async (tx) => {
      await library.deposit(tx);
      await millrace.enqueue(job, {}, { tx });
      await millrace.enqueueMany(
        Array.from({ length: 1_500 }, () => job.with()),
        { tx },
      );
      throw new Undone();
    });
    await expect(rolledBack).rejects.toThrow(Undone);
    expect([await app.balance(), await app.countOf('job')]).toEqual([0, 0]);
  });

  it('cancel and retry join the transaction', async () => {
    await using app = await startApp(name);
    const { library, millrace } = app;
    const { id } = await millrace.enqueue(job, {}, { delay: '1h' });
    const state = async () => (await millrace.get(id))?.state;
    const rolledBack = library.transaction(async (tx) => {
      expect(await millrace.cancel(id, { tx, reason: 'no more' })).toMatchObject({
        status: 'cancelled',
      });
      throw new Undone();
    });
    await expect(rolledBack).rejects.toThrow(Undone);
    expect(await state()).toBe('scheduled');
    await library.transaction(async (tx) => {
      await millrace.cancel(id, { tx });
    });
    expect(await state()).toBe('cancelled');
    await library.transaction(async (tx) => {
      expect(await millrace.retry(id, { tx })).toEqual({ status: 'available', from: 'cancelled' });
    });
    expect(await state()).toBe('available');
  });

  it('a unique key that is taken is told apart from other errors', async () => {
    await using app = await startApp(name);
    const { library, millrace } = app;
    const unique = { uniqueKey: 'k', delay: '1h' } as const;
    const { id } = await millrace.enqueue(job, {}, unique);
    await millrace.cancel(id);
    await millrace.enqueue(job, {}, unique);
    const taken = library.transaction(async (tx) => {
      await millrace.retry(id, { tx });
    });
    await expect(taken).rejects.toMatchObject({ code: 'MILLRACE_UNIQUE_CONFLICT' });
  });
});

describe.each(Object.keys(libraries))('W21: a wrong tx of %s', (name) => {
  it('what is no open transaction is refused, and nothing is enqueued', async () => {
    await using app = await startApp(name);
    const { library, millrace } = app;
    for (const [handle, code] of library.mistaken) {
      const enqueued = millrace.enqueue(job, {}, { tx: handle as TransactionHandle });
      await expect(enqueued).rejects.toMatchObject({ code });
      await expect(enqueued).rejects.toThrow(/^tx is /);
    }
    expect(await app.countOf('job')).toBe(0);
  });

  it('a transaction that has ended is refused, and nothing is enqueued', async () => {
    await using app = await startApp(name);
    const { library, millrace } = app;
    const ended: TransactionHandle[] = [];
    await library.transaction(async (tx) => void ended.push(tx));
    await library
      .transaction(async (tx) => {
        ended.push(tx);
        throw new Undone();
      })
      .catch(() => {});
    expect(ended).toHaveLength(2);
    for (const tx of ended) {
      const code = 'MILLRACE_TX_NOT_OPEN';
      await expect(millrace.enqueue(job, {}, { tx })).rejects.toMatchObject({ code });
      await expect(millrace.cancel('1', { tx })).rejects.toMatchObject({ code });
    }
    expect(await app.countOf('job')).toBe(0);
  });

  it('a transaction that has failed is refused', async () => {
    await using app = await startApp(name);
    const { library, millrace } = app;
    const codes: unknown[] = [];
    await library
      .transaction(async (tx) => {
        await library.run(tx, 'SELECT 1 / 0').catch(() => {});
        await millrace.enqueue(job, {}, { tx }).catch((error: unknown) => {
          codes.push((error as MillraceError).code);
        });
        throw new Undone();
      })
      .catch(() => {});
    expect(codes).toEqual(['MILLRACE_TX_NOT_OPEN']);
  });

  it('a transaction on a database without Millrace is refused, and the error says so', async () => {
    await using app = await startApp(name);
    await using other = await openLibrary(name, { template: 'template0' });
    const enqueued = other.library.transaction(async (tx) => {
      await app.millrace.enqueue(job, {}, { tx });
    });
    await expect(enqueued).rejects.toMatchObject({ code: 'MILLRACE_SCHEMA_MISSING' });
    await expect(enqueued).rejects.toThrow(/on a database without Millrace's schema: .*millrace/);
  });
});
