import { describe, expect, it } from 'vitest';
import type { JobRequest } from 'millrace';
import { held, poison, short } from '../fixtures/jobs.ts';
import { calm, Fleet } from '../helpers/fleet.ts';
import { startFlakyProxy } from '../helpers/flaky-proxy.ts';
import type { WorkerProcess } from '../helpers/worker-process.ts';

const events = ['suspect:waiting', 'suspect:put-off'] as const;

/** Enqueues jobs that have been in hand of two processes when they died. */
async function enqueueSuspects(
  fleet: Fleet,
  ...requests: readonly JobRequest[]
): Promise<string[]> {
  const parked = requests.map((request) => ({
    ...request,
    options: { ...request.options, queue: 'parked' },
  }));
  const jobs = await fleet.enqueue(...parked);
  await fleet.query(
    `UPDATE millrace.job SET crashes = 2, queue = 'default' WHERE id = ANY ($1::bigint[])`,
    [jobs],
  );
  return jobs;
}

/** Starts a process again whenever it has died, until it ends otherwise; answers with how often it died. */
async function restart(fleet: Fleet, running: Set<WorkerProcess>): Promise<number> {
  for (let deaths = 0; ; deaths++) {
    const worker = fleet.launch({ mayDie: true });
    running.add(worker);
    const { signal } = await worker.exit;
    running.delete(worker);
    if (signal !== 'SIGKILL') return deaths;
  }
}

const began = (fleet: Fleet, id: string) =>
  fleet.history().filter((line) => line.what === 'began' && line.job === id);

describe('a job that ends its process, whoever else is in it', () => {
  it('A8: G3: is quarantined after 3 crashes with an error that says so, and all others complete', async () => {
    await using fleet = await Fleet.create();
    // It runs none of the jobs, and sees every death.
    await fleet.start({ queues: ['unused'] });
    const running = new Set<WorkerProcess>();
    const slots = [restart(fleet, running), restart(fleet, running)];
    const innocent = (index: number) => short.with({ ms: index % 3 === 0 ? 1_500 : 20 });
    const requests: JobRequest[] = Array.from({ length: 30 }, (_, index) => innocent(index));
    const jobs = await fleet.enqueue(...requests.toSpliced(5, 0, poison.with()));
    const [id = ''] = jobs.splice(5, 1);

    await fleet.finished();
    for (const worker of running) worker.signal('SIGTERM');
    const deaths = (await Promise.all(slots)).reduce((sum, each) => sum + each, 0);
    expect(deaths).toBe(3);
    expect(began(fleet, id)).toHaveLength(3);
    const crashed = { attempt: 1, ending: 'crashed' };
    expect(await fleet.millrace.get(id)).toMatchObject({
      state: 'discarded',
      attempt: 0,
      crashes: 3,
      reason: 'it ended its process 3 times, the last time while it ran alone',
      attempts: [
        { ...crashed, error: null },
        { ...crashed, error: null },
        { ...crashed, error: { code: 'MILLRACE_JOB_QUARANTINED' } },
      ],
    });
    const others = await Promise.all(jobs.map((job) => fleet.millrace.get(job)));
    expect(others.map((job) => job?.state)).toEqual(jobs.map(() => 'completed'));
    expect(others.map((job) => job?.attempt)).toEqual(jobs.map(() => 1));
    expect(Math.max(...others.map((job) => job?.crashes ?? 0))).toBeLessThanOrEqual(2);
    expect(await fleet.violations({ allFinished: true })).toEqual([]);
  }, 120_000);
});

describe('a suspect', () => {
  it('A8: G3: is put off, with its due time and without using an attempt, while others run for too long, and all else goes on', async () => {
    await using fleet = await Fleet.create();
    const worker = await fleet.start({ events });
    const [long = ''] = await fleet.enqueue(held.with({}));
    await worker.waitForBegan(long);
    // So many that one or the other would like to be alone at any time.
    const suspects = await enqueueSuspects(fleet, ...Array.from({ length: 4 }, () => short.with()));
    const dueTimes = async () =>
      (await Promise.all(suspects.map((id) => fleet.millrace.get(id)))).map(
        (job) => job?.scheduledAt,
      );
    const before = await dueTimes();
    const putOff = () => worker.events('suspect:put-off');
    await worker.waitFor('each is put off', () => new Set(putOff().map(({ id }) => id)).size === 4);
    expect(putOff()[0]).toMatchObject({ delayMs: calm.patienceMs });

    const others = await fleet.enqueue(...Array.from({ length: 20 }, () => short.with({})));
    await fleet.until('all others are done', async () => (await fleet.unfinished()) === 5);
    for (const other of others)
      expect(await fleet.millrace.get(other)).toMatchObject({ state: 'completed' });

    // However often they are put off.
    await worker.waitFor('they are put off again', () => putOff().length > 8);
    expect(suspects.flatMap((id) => began(fleet, id))).toEqual([]);
    expect(await dueTimes()).toEqual(before);
    worker.letGo();
    await fleet.finished();
    const completed = { state: 'completed', attempt: 1, crashes: 2, attempts: [] };
    for (const id of suspects) expect(await fleet.millrace.get(id)).toMatchObject(completed);
    expect(await dueTimes()).toEqual(before);
    expect(await worker.stop()).toEqual({ code: 0, signal: null });
    expect(await fleet.violations({ allFinished: true, exactlyOnce: true })).toEqual([]);
  });

  it('A8: shares its process with nobody, whichever of the workers there has it', async () => {
    await using fleet = await Fleet.create();
    const ordinary = Array.from({ length: 40 }, () => short.with({ ms: 20 }));
    const first = await fleet.enqueue(...ordinary);
    const suspects = await enqueueSuspects(
      fleet,
      ...Array.from({ length: 5 }, () => short.with({ ms: 50 })),
    );
    const second = await fleet.enqueue(...ordinary);
    await fleet.start({ workers: 2, concurrency: 3, events });
    await fleet.finished();
    for (const id of [...first, ...suspects, ...second])
      expect(await fleet.millrace.get(id)).toMatchObject({ state: 'completed', attempt: 1 });
    const claimers = fleet
      .history()
      .flatMap((line) => (line.what === 'claimed' ? [BigInt(line.lease) >> 32n] : []));
    expect(new Set(claimers).size).toBe(2);
    // The checker looks at who ran beside a suspect.
    expect(await fleet.violations({ allFinished: true, exactlyOnce: true })).toEqual([]);
  });

  it('A8: G3: whose process was cut off while it ran alone, and lives, stays where it is and is not quarantined', async () => {
    await using fleet = await Fleet.create();
    await using proxy = await startFlakyProxy(fleet.url);
    const tuning = { ...calm, doubtMs: 60_000 };
    await fleet.start({ queues: ['unused'], tuning });
    const worker = await fleet.start({ url: proxy.url, tuning, events: ['worker:renewed'] });
    const [id = ''] = await enqueueSuspects(fleet, held.with({}));
    await worker.waitForBegan(id);
    const count = async (sql: string) => (await fleet.query(sql)).length;
    await fleet.until(
      'its worker says that it runs alone',
      async () => (await count(`SELECT FROM millrace.worker WHERE alone = ${id}`)) === 1,
    );
    proxy.block();
    await fleet.until(
      'its worker is declared dead',
      async () => (await count(`SELECT FROM millrace.worker_dead WHERE alone = ${id}`)) === 1,
    );
    expect(await fleet.millrace.get(id)).toMatchObject({ state: 'running', crashes: 2 });
    proxy.restore();
    await worker.waitFor('it is back', () => worker.events('worker:renewed').length > 0);
    worker.letGo();
    await fleet.finished();
    expect(await fleet.millrace.get(id)).toMatchObject({
      state: 'completed',
      attempt: 1,
      crashes: 2,
      attempts: [],
    });
    expect(await fleet.violations({ allFinished: true, exactlyOnce: true })).toEqual([]);
  });

  it('A8: G22: that waits to be alone ends at once when it is cancelled, and is given back when its worker stops', async () => {
    await using fleet = await Fleet.create();
    const worker = await fleet.start({ events, tuning: { ...calm, patienceMs: 60_000 } });
    const [long = ''] = await fleet.enqueue(held.with({}));
    await worker.waitForBegan(long);
    const waits = (id: string) => () =>
      worker.events('suspect:waiting').some((event) => event.id === id);

    const [unwanted = ''] = await enqueueSuspects(fleet, short.with({}));
    await worker.waitFor('it waits', waits(unwanted));
    await fleet.cancel(unwanted);
    const stateOf = async (id: string) => (await fleet.millrace.get(id))?.state;
    await fleet.until('it ends', async () => (await stateOf(unwanted)) === 'cancelled');

    const [id = ''] = await enqueueSuspects(fleet, short.with({}));
    await worker.waitFor('the next one waits', waits(id));
    worker.signal('SIGTERM');
    await fleet.until('it is given back', async () => (await stateOf(id)) === 'available');
    worker.letGo();
    expect(await worker.exit).toEqual({ code: 0, signal: null });
    expect(await fleet.millrace.get(id)).toMatchObject({ attempt: 0, crashes: 2, attempts: [] });
    expect([...began(fleet, unwanted), ...began(fleet, id)]).toEqual([]);
    expect(await fleet.violations()).toEqual([]);
  });
});
