import { startDevDatabase } from '@millrace/dev-db';
import { expect, it } from 'vitest';
import { failing, held, transactional } from '../fixtures/jobs.ts';
import { Fleet } from '../helpers/fleet.ts';
import { durable } from '../helpers/own-server.ts';

it('G6: outcomes of handlers that finish while the server is stopped are written when it is back, without a second run', async () => {
  await using server = await startDevDatabase(durable);
  await using fleet = await Fleet.on(server);
  const worker = await fleet.start({
    events: ['settle:retried', 'settle:refused', 'claim:failed'],
  });
  const jobs = await fleet.enqueue(...Array.from({ length: 5 }, () => held.with({})));
  const [inTransaction = ''] = await fleet.enqueue(
    transactional.with({ held: true, followUps: 1 }),
  );
  await worker.waitForBegan(...jobs, inTransaction);

  await server.kill('SIGINT');
  worker.letGo();
  await worker.waitFor('it tries to write', () => worker.events('settle:retried').length > 2);
  await worker.waitFor('claims fail as well', () => worker.events('claim:failed').length > 0);
  const ended = fleet.history().filter(({ what }) => what === 'ended');
  expect(ended.length).toBeGreaterThanOrEqual(jobs.length);

  await server.restart();
  await fleet.finished();
  // The loop goes on too.
  await fleet.enqueue(failing.with({ times: 1 }));
  await fleet.finished();

  const runs = fleet.history().flatMap((line) => (line.what === 'began' ? [line] : []));
  for (const id of jobs) {
    expect(runs.filter(({ job }) => job === id)).toHaveLength(1);
    expect(await fleet.millrace.get(id)).toMatchObject({ state: 'completed', attempt: 1 });
  }
  // A transaction ends with its server; the handler ran again, within the same attempt and to one effect.
  expect(await fleet.millrace.get(inTransaction)).toMatchObject({ state: 'completed', attempt: 1 });
  expect(await fleet.query('SELECT job::text FROM public.effect')).toEqual([
    { job: inTransaction },
  ]);
  expect(worker.events('settle:refused')).toEqual([]);
  expect(await worker.stop()).toEqual({ code: 0, signal: null });
  expect(await fleet.violations({ allFinished: true })).toEqual([]);
});
