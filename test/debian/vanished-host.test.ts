import { expect, it, vi } from 'vitest';
import { defaultTuning } from '../../packages/millrace/src/core/tuning.ts';
import { held, transactional } from '../fixtures/jobs.ts';
import { debianPrograms, startDebianServer } from '../helpers/debian-server.ts';
import { Fleet } from '../helpers/fleet.ts';
import { canMakeHosts, createHost } from '../helpers/network.ts';

vi.setConfig({ testTimeout: 120_000 });

it.skipIf(debianPrograms === undefined || !canMakeHosts())(
  'G3: G2: the jobs of a host that vanished start elsewhere within 15 s, and what it writes when it is back is refused',
  async () => {
    using host = createHost();
    await using server = await startDebianServer(host.ours);
    await using fleet = await Fleet.on(server);
    const options = { tuning: defaultTuning, events: ['worker:died', 'settle:refused'] as const };
    const cut = await fleet.start({ ...options, namespace: host.namespace });
    const jobs = await fleet.enqueue(
      held.with({ ignoresSignal: true }),
      transactional.with({ held: true }),
    );
    await cut.waitForBegan(...jobs);
    const other = await fleet.start(options);

    host.unplug();
    const cutMs = performance.now();
    await other.waitForBegan(...jobs);
    const tookMs = performance.now() - cutMs;
    process.stdout.write(
      `G3: host vanished: jobs start elsewhere after ${Math.round(tookMs)} ms\n`,
    );
    expect(tookMs).toBeLessThan(3 * 15_000);
    // Nothing that it had locked, in its transaction or otherwise, is locked any more.
    const locks = `SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE client_addr = $1`;
    await fleet.until('it holds no lock', async () => {
      return (await fleet.query(locks, [host.address])).length === 0;
    });
    other.letGo();
    await fleet.finished();

    cut.letGo();
    host.plug();
    await cut.waitFor(
      'its late outcomes are counted',
      () => cut.events('settle:refused').length > 0,
    );
    expect(await fleet.query('SELECT job, pid FROM public.effect')).toEqual([
      { job: jobs[1], pid: other.pid },
    ]);
    await cut.stop();
    expect(await fleet.violations({ allFinished: true })).toEqual([]);
  },
);
