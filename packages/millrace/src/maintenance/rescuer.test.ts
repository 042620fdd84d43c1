import { describe, expect, it } from 'vitest';
import { emitted, instantClock } from '../../../../test/helpers/worker-parts.ts';
import type { Block, Sighting, WorkSession } from '../core/storage.ts';
import { Rescuer } from './rescuer.ts';

const times = {
  freeForMs: 1_000,
  graceMs: 0,
  silentForMs: 15_000,
  longestGapMs: 4_000,
  lookMs: 500,
  restMs: 3_000,
  doubtMs: 60_000,
};

const job = { id: '7', kind: 'test', queue: 'default', attempt: 1 };
const block = (second: number): Block => ({ since: `2026-01-01T00:00:0${second}Z`, jobs: [job] });

/** A process with one worker, by the order of its start. */
function sighting(no: number, rest: Partial<Sighting> = {}): Sighting {
  const who = {
    no,
    boot: `boot ${no}`,
    role: 'worker',
    mode: 'session',
    host: 'h',
    pid: no,
  } as const;
  return { ...who, beat: '0', locked: true, blocked: null, ...rest };
}

/** The rescuer of process 3; answers with how soon it looks again. */
function rescuer() {
  const { emit, named } = emitted();
  let sightings: readonly Sighting[] = [];
  const session: Pick<WorkSession, 'look' | 'rescue'> = {
    look: async () => ({ session: 's', sightings }),
    rescue: async () => ({ rescued: [], busy: 0, doubted: [] }),
  };
  const { clock } = instantClock();
  const parts = { session: session as WorkSession, clock, emit, boot: 'boot 3', times };
  const one = new Rescuer(parts);
  return {
    blocks: () => named('worker:blocked'),
    look: (...seen: readonly Sighting[]) => {
      sightings = seen;
      return one.pass();
    },
  };
}

describe('blocked event loops', () => {
  it('G5: are told of by those who look often, once for each block', async () => {
    const { look, blocks } = rescuer();
    const [first, me] = [sighting(1, { blocked: block(1) }), sighting(3)];
    await look(first, me);
    await look(first, me);
    const told = { host: 'h', pid: 1, since: new Date('2026-01-01T00:00:01Z'), jobs: [job] };
    expect(blocks()).toEqual([told]);
    await look(sighting(1), me);
    await look(sighting(1, { blocked: block(5) }), me);
    expect(blocks()).toHaveLength(2);
    // Others say it here, and one's own is told of when it is over.
    const idle = rescuer();
    await idle.look(sighting(1), sighting(2), sighting(3), sighting(4, { blocked: block(1) }));
    await idle.look(sighting(3, { blocked: block(1) }));
    expect(idle.blocks()).toEqual([]);
  });

  it('G5: are told of once for all workers and schedulers of a process', async () => {
    const { look, blocks } = rescuer();
    const boot = 'boot 1';
    const seen = [
      sighting(1, { blocked: block(1) }),
      sighting(2, { boot, blocked: block(2) }),
      sighting(4, { boot, mode: 'heartbeat', locked: false, blocked: block(1) }),
    ];
    await look(...seen, sighting(3));
    await look(...seen, sighting(3));
    expect(blocks()).toHaveLength(1);
  });

  it('G5: do not look; the next process does it for them', async () => {
    const { look } = rescuer();
    const others = [sighting(1), sighting(2)];
    expect(await look(...others, sighting(3))).toBe(times.restMs);
    const blocked = others.map((each) => ({ ...each, blocked: block(1) }));
    expect(await look(...blocked, sighting(3))).toBe(times.lookMs);
  });
});
