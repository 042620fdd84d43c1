import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { held, short } from '../fixtures/jobs.ts';
import { brisk, Fleet } from '../helpers/fleet.ts';

/** Holds the rows of jobs in an open transaction, as somebody's psql would. */
async function lockRows(url: string, ...ids: readonly string[]): Promise<AsyncDisposable> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT FROM millrace.job WHERE id = ANY ($1) FOR UPDATE', [ids]);
  return { [Symbol.asyncDispose]: () => client.end() };
}

async function idsIn(fleet: Fleet, state: 'running' | 'completed'): Promise<string[]> {
  const rows = await fleet.query<{ id: string }>(
    'SELECT id::text FROM millrace.jobs WHERE state = $1 ORDER BY id',
    [state],
  );
  return rows.map(({ id }) => id);
}

describe('a job whose row somebody holds in an open transaction', () => {
  it('A5: G7: delays its own outcome and that of no other job', async () => {
    await using fleet = await Fleet.create();
    const worker = await fleet.start();
    const jobs = await fleet.enqueue(...Array.from({ length: 10 }, () => held.with({})));
    await worker.waitForBegan(...jobs);
    const [locked = '', ...others] = jobs;
    {
      await using _ = await lockRows(fleet.url, locked);
      worker.letGo();
      await fleet.until('the others are settled', async () => {
        return (await idsIn(fleet, 'completed')).length === others.length;
      });
      expect(await idsIn(fleet, 'running')).toEqual([locked]);
      // The worker goes on meanwhile.
      await fleet.enqueue(held.with({}));
      await fleet.until('a new job is done', async () => {
        return (await idsIn(fleet, 'completed')).length === others.length + 1;
      });
    }
    await fleet.finished();
    expect(await fleet.violations({ exactlyOnce: true, allFinished: true })).toEqual([]);
  });

  it('A5: G7: delays its own rescue and that of no other job', async () => {
    await using fleet = await Fleet.create();
    const doomed = await fleet.start({ tuning: brisk });
    const jobs = await fleet.enqueue(...Array.from({ length: 5 }, () => held.with({})));
    await doomed.waitForBegan(...jobs);
    const other = await fleet.start({ tuning: brisk, events: ['job:rescued'] });
    const [locked = '', ...others] = jobs;
    {
      await using _ = await lockRows(fleet.url, locked);
      await doomed.kill();
      await other.waitForBegan(...others);
      expect(other.began).not.toContain(locked);
    }
    await other.waitForBegan(locked);
    const rescued = () => other.events('job:rescued').map(({ id }) => id);
    // A job may begin before its rescue has been told of.
    await other.waitFor('all rescues are told of', () => rescued().length >= jobs.length);
    expect(rescued().toSorted()).toEqual(jobs.toSorted());
    other.letGo();
    await fleet.finished();
    expect(await fleet.violations({ allFinished: true })).toEqual([]);
  });

  it('A5: G7: answers to cancel and retry that it is busy, while the same for other jobs and for running ones succeeds', async () => {
    await using fleet = await Fleet.create();
    const worker = await fleet.start();
    const [runs = ''] = await fleet.enqueue(held.with({}));
    await worker.waitForBegan(runs);
    const later = { delay: '1h' } as const;
    const [waits = '', other = ''] = await fleet.enqueue(
      short.with({}, later),
      short.with({}, later),
    );
    const { millrace } = fleet;
    {
      await using _ = await lockRows(fleet.url, waits, runs);
      expect(await millrace.cancel(waits)).toEqual({ status: 'busy' });
      expect(await millrace.retry(waits)).toEqual({ status: 'busy' });
      expect(await millrace.retry(other)).toEqual({ status: 'available', from: 'scheduled' });
      expect(await millrace.cancel(runs)).toEqual({ status: 'requested', state: 'running' });
      await worker.waitFor('it is told', () => runs in worker.aborted);
    }
    await millrace.retry(waits);
    await fleet.finished();
    expect(await millrace.get(runs)).toMatchObject({ state: 'cancelled' });
    expect(await fleet.violations({ allFinished: true })).toEqual([]);
  });
});
