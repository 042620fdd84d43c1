import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { blocking, blockingFile, held, transactional } from '../fixtures/jobs.ts';
import { brisk, Fleet } from '../helpers/fleet.ts';
import type { WorkerProcess } from '../helpers/worker-process.ts';

const tuning = { ...brisk, heartbeatMs: 150, lookMs: 100, silentForMs: 1_000 };
const events = ['worker:renewed', 'settle:refused'] as const;

/** Freezes a worker that runs these jobs until another one runs them; answers with the other one. */
async function freezeUntilRescued(
  fleet: Fleet,
  late: WorkerProcess,
  jobs: readonly string[],
): Promise<WorkerProcess> {
  await late.waitForBegan(...jobs);
  late.signal('SIGSTOP');
  const other = await fleet.start({ tuning, events });
  await other.waitForBegan(...jobs);
  for (const id of jobs) expect(await fleet.millrace.get(id)).toMatchObject({ crashes: 0 });
  return other;
}

/** Everything stored about jobs, to be compared with itself. */
function stored(fleet: Fleet): Promise<unknown[]> {
  return fleet.query(`
    SELECT row_to_json(h)::text AS row FROM millrace.job_history h
    UNION ALL SELECT row_to_json(a)::text FROM millrace.job_attempt a
    UNION ALL SELECT row_to_json(j)::text FROM millrace.job j
    UNION ALL SELECT row_to_json(e)::text FROM public.effect e ORDER BY row`);
}

describe('a process that was frozen until it was declared dead', () => {
  it('G2: aborts its handlers with MILLRACE_LEASE_LOST, and counts each job that it lost', async () => {
    await using fleet = await Fleet.create();
    const late = await fleet.start({ tuning, events, queues: ['default', 'its own'] });
    const jobs = await fleet.enqueue(
      held.with({}),
      held.with({}),
      transactional.with({ held: true, followUps: 1 }),
    );
    const other = await freezeUntilRescued(fleet, late, jobs);
    other.letGo();
    await fleet.finished();
    const before = await stored(fleet);

    late.signal('SIGCONT');
    await late.waitFor(
      'all is counted',
      () => late.events('settle:refused').length === jobs.length,
    );
    expect(late.aborted).toEqual(Object.fromEntries(jobs.map((id) => [id, 'MILLRACE_LEASE_LOST'])));
    expect(late.events('worker:renewed')).toMatchObject([
      { reason: 'declared_dead', kept: 0, lost: jobs.length },
    ]);
    expect(new Set(late.events('settle:refused').map(({ id }) => id))).toEqual(new Set(jobs));
    expect(await stored(fleet)).toEqual(before);

    // It goes on under its new identity.
    late.letGo();
    await fleet.enqueue(held.with({}, { queue: 'its own' }));
    await fleet.finished();
    expect(await fleet.violations({ allFinished: true })).toEqual([]);
  });

  const writes = [
    { what: 'outcome', request: (untilFile: string) => blocking.with({ untilFile }) },
    {
      what: 'transaction',
      request: (untilFile: string) => transactional.with({ untilFile, followUps: 1 }),
    },
  ];
  it.each([
    ...writes.map((write) => ({ ...write, elsewhere: 'finished' })),
    ...writes.map((write) => ({ ...write, elsewhere: 'running' })),
  ])('G2: is refused the $what of a job that is $elsewhere elsewhere', async (given) => {
    await using fleet = await Fleet.create();
    const file = fleet.fileNamed('end of the block');
    const late = await fleet.start({ tuning, events });
    const [id = ''] = await fleet.enqueue(given.request(file));
    const other = await freezeUntilRescued(fleet, late, [id]);
    const endBlock = ({ pid }: WorkerProcess) => writeFileSync(blockingFile(file, pid), '');
    if (given.elsewhere === 'finished') {
      endBlock(other);
      await fleet.finished();
    }
    const before = await stored(fleet);

    // Its loop is blocked until the handler has ended, so that the write comes before the loss is known.
    endBlock(late);
    late.signal('SIGCONT');
    await late.waitFor('it is counted', () => late.events('settle:refused').length > 0);
    expect(late.events('settle:refused')).toMatchObject([{ id }]);
    expect(late.aborted).toEqual({});
    expect(await stored(fleet)).toEqual(before);
    endBlock(other);
    await fleet.finished();
    expect(await fleet.violations({ allFinished: true })).toEqual([]);
  });
});
