import { expect, it } from 'vitest';
import { Rescuer } from '../../packages/millrace/src/maintenance/rescuer.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { shrunk } from '../helpers/millrace.ts';
import { claim, identity, leaseOf, newJob, openStorage } from '../helpers/storage.ts';
import { emitted } from '../helpers/worker-parts.ts';

it('A1: what an identity leaves behind that was given up is rescued at the next look, not at the next sweep', async () => {
  await using database = await createTestDatabase();
  const worker = openStorage(database.url);
  const observer = openStorage(database.url);
  const { emit, named } = emitted();
  const rescuer = new Rescuer({
    session: observer.session(),
    // Time stands still: no sweep becomes due, and nobody falls silent.
    clock: { monotonicMs: () => 0, after: () => () => {} },
    emit,
    boot: 'observer',
    times: shrunk,
  });
  const { no } = identity(7_000);
  await worker.session().register(identity(no));
  await worker.enqueue([newJob(), newJob()]);
  const jobs = await claim(worker.session(), no, 1);
  await rescuer.pass();
  expect(named('job:rescued')).toEqual([]);

  const lease = leaseOf(no, 2);
  await worker.session().transfer({ held: [], lease, from: no, reason: 'unknown_claim' });
  await rescuer.pass();
  expect(named('job:rescued').map(({ id }) => id)).toEqual(jobs.map(({ id }) => id));
  expect(named('worker:died')).toEqual([]);
  expect(await observer.get(jobs[0]?.id ?? '', 1)).toMatchObject({ attempt: 0, crashes: 0 });

  await worker.close();
  await observer.close();
});
