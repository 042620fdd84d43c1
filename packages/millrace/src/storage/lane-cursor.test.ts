import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LaneCursor, type FoundJob, type Place, type Route } from './lane-cursor.ts';

const overlapUs = 100_000;

/** A job of the database that the cursor is about; it can be claimed once it is committed. */
interface Row extends FoundJob {
  committed: boolean;
  claimed: boolean;
}

const isBehind = (place: Place, other: Place) =>
  place.us > other.us || (place.us === other.us && Number(place.id) > Number(other.id));

/** What the statement `claim` does with a route. */
function claim(
  rows: readonly Row[],
  { wanted, lanes }: Route,
  limit: number,
  nowUs: number,
): Row[] {
  const taken = wanted.flatMap(({ queue, limit: most }, index) =>
    (lanes[index] ?? [])
      .flatMap(({ priority, behind }) => {
        const overlap = { us: nowUs - overlapUs, id: '0' };
        const from = isBehind(behind, overlap) ? overlap : behind;
        return rows
          .filter((row) => row.queue === queue && row.priority === priority)
          .filter((row) => row.committed && !row.claimed && row.place.us <= nowUs)
          .filter((row) => isBehind(row.place, from))
          .toSorted((a, b) => (isBehind(a.place, b.place) ? 1 : -1));
      })
      .slice(0, most),
  );
  return taken.slice(0, limit).map((row) => Object.assign(row, { claimed: true }));
}

/** The last job of each lane, and how many there are. */
function lanesOf(jobs: readonly Row[]) {
  const isLast = (row: Row) =>
    jobs.findLast(({ queue, priority }) => queue === row.queue && priority === row.priority) ===
    row;
  return jobs.filter(isLast).map((row) => ({
    ...row,
    jobs: jobs.filter(({ queue, priority }) => queue === row.queue && priority === row.priority)
      .length,
  }));
}

/** One worker and one database, driven by hand. */
class World {
  readonly cursor = new LaneCursor();
  readonly rows: Row[] = [];
  readonly queues: readonly string[];
  nowUs = 1_000_000_000;

  constructor(queues: readonly string[] = ['q']) {
    this.queues = queues;
  }

  insert(priority: number, committed = true, queue = 'q'): Row {
    const place = { us: this.nowUs, id: String(this.rows.length + 1) };
    const row = { queue, priority, place, committed, claimed: false };
    this.rows.push(row);
    return row;
  }

  claim(everywhere: 'no' | 'rationed' | 'yes', limit = 10, tookMs = 0): string[] {
    const wanted = this.queues.map((queue) => ({ queue, limit }));
    const route = this.cursor.route(wanted, everywhere, this.nowUs / 1_000);
    const jobs = claim(this.rows, route, limit, this.nowUs).toSorted(
      (a, b) => b.priority - a.priority || (isBehind(a.place, b.place) ? 1 : -1),
    );
    const isFull = jobs.length >= limit;
    this.cursor.found(route, {
      lanes: lanesOf(jobs),
      isFull,
      paused: [],
      atUs: this.nowUs,
      tookMs,
    });
    return jobs.map(({ place }) => place.id);
  }

  pass(ms: number): void {
    this.nowUs += ms * 1_000;
  }
}

describe('where a claim reads', () => {
  it('B3: begins behind what was claimed before, and not at the beginning', () => {
    const world = new World();
    world.insert(0);
    world.claim('yes');
    world.pass(500);
    const { lanes } = world.cursor.route([{ queue: 'q', limit: 1 }], 'no', world.nowUs / 1_000);
    expect(lanes).toEqual([[{ priority: 0, behind: { us: 1_000_000_000 - overlapUs, id: '0' } }]]);
  });

  it('finds a job that was committed up to 100 ms after younger ones', () => {
    const world = new World();
    world.claim('yes');
    const late = world.insert(0, false);
    world.pass(99);
    const young = world.insert(0);
    expect(world.claim('yes', 1)).toEqual([young.place.id]);
    late.committed = true;
    world.claim('no');
    expect(late.claimed).toBe(true);
  });

  it('B3: passes by a job that was committed later than that, until a rewind or a sweep finds it', () => {
    const late = (world: World) => {
      world.insert(0);
      world.claim('yes');
      const row = world.insert(0, false);
      world.pass(700);
      world.insert(0);
      world.claim('no');
      world.pass(101);
      world.insert(0);
      world.claim('no');
      row.committed = true;
      return row;
    };
    const told = new World();
    const row = late(told);
    told.claim('no');
    expect(row.claimed).toBe(false);
    told.cursor.rewind({ queue: 'q', priority: 0, place: { us: row.place.us, id: '0' } });
    told.claim('no');
    expect(row.claimed).toBe(true);

    const swept = new World();
    const other = late(swept);
    swept.pass(1_000);
    swept.claim('no');
    expect(other.claimed).toBe(true);
  });

  it('B3: meets a lane that is new to it by a rewind, and otherwise by a sweep', () => {
    const world = new World();
    world.insert(0);
    world.claim('yes');
    world.pass(1);
    const better = world.insert(7);
    world.claim('no');
    expect(better.claimed).toBe(false);
    world.cursor.rewind(better);
    world.cursor.rewind({ ...better, place: { us: better.place.us, id: '0' } });
    world.claim('no');
    expect(better.claimed).toBe(true);
  });

  it('a rewind that arrives while a claim is under way counts for the next one', () => {
    const world = new World();
    world.insert(0);
    world.claim('yes');
    const row = world.insert(0, false);
    world.pass(500);
    const wanted = [{ queue: 'q', limit: 10 }];
    const route = world.cursor.route(wanted, 'no', world.nowUs / 1_000);
    row.committed = true;
    world.cursor.rewind({ queue: 'q', priority: 0, place: { us: row.place.us, id: '0' } });
    world.cursor.found(route, {
      lanes: [],
      isFull: false,
      paused: [],
      atUs: world.nowUs,
      tookMs: 0,
    });
    expect(world.claim('no')).toEqual([row.place.id]);
  });

  it('a sweep that brings as many jobs as were asked for goes on with the next claim', () => {
    const world = new World();
    world.insert(0);
    world.claim('yes');
    const late = Array.from({ length: 50 }, () => world.insert(0, false));
    world.pass(500);
    world.insert(0);
    world.claim('no');
    for (const row of late) row.committed = true;
    world.pass(1_000);
    for (let claims = 0; claims < 5; claims++) expect(world.claim('no', 10)).toHaveLength(10);
    expect(late.every(({ claimed }) => claimed)).toBe(true);
  });

  it('C7: sweeps take a twentieth of the time', () => {
    const world = new World();
    let sweeps = 0;
    for (let ms = 0; ms < 100_000; ms += 10) {
      const { lanes } = world.cursor.route([{ queue: 'q', limit: 1 }], 'rationed', ms);
      const isSweep = lanes[0]?.every(({ behind }) => behind.us === 0) === true;
      if (isSweep) sweeps += 1;
      const route = { wanted: [{ queue: 'q', limit: 1 }], lanes };
      const tookMs = isSweep ? 50 : 0;
      world.cursor.found(route, { lanes: [], isFull: false, paused: [], atUs: 1e15, tookMs });
    }
    expect(sweeps).toBeGreaterThan(90);
    expect(sweeps).toBeLessThanOrEqual(101);
  });
});

describe('whatever happens', () => {
  const step = fc.oneof(
    fc.record({
      what: fc.constant('insert' as const),
      priority: fc.integer({ min: -2, max: 2 }),
      queue: fc.constantFrom('q', 'r'),
      committed: fc.boolean(),
    }),
    fc.record({ what: fc.constant('commit' as const), told: fc.boolean() }),
    fc.record({
      what: fc.constant('claim' as const),
      everywhere: fc.constantFrom('no' as const, 'rationed' as const),
      limit: fc.integer({ min: 1, max: 4 }),
    }),
    fc.record({ what: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 400 }) }),
  );

  it('everything that was committed is claimed once by claims that look everywhere', () => {
    const run = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const world = new World(['q', 'r']);
      const claimed: string[] = [];
      for (const each of steps) {
        if (each.what === 'insert') world.insert(each.priority, each.committed, each.queue);
        if (each.what === 'pass') world.pass(each.ms);
        if (each.what === 'claim') claimed.push(...world.claim(each.everywhere, each.limit));
        if (each.what !== 'commit') continue;
        const row = world.rows.find(({ committed }) => !committed);
        if (row === undefined) continue;
        row.committed = true;
        if (each.told) world.cursor.rewind({ ...row, place: { us: row.place.us, id: '0' } });
      }
      for (let more = world.claim('yes', 3); more.length > 0; more = world.claim('yes', 3))
        claimed.push(...more);
      const committed = world.rows.filter((row) => row.committed).map(({ place }) => place.id);
      expect(claimed.toSorted()).toEqual(committed.toSorted());
    });
    fc.assert(run, { numRuns: 500 });
  });

  it('without sweeps, everything that a notification told of is claimed', () => {
    const run = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const world = new World(['q', 'r']);
      world.claim('yes');
      // So dear that no other sweep is due for a long time.
      world.cursor.found(
        world.cursor.route([{ queue: 'q', limit: 1 }], 'yes', world.nowUs / 1_000),
        { lanes: [], isFull: false, paused: [], atUs: world.nowUs, tookMs: 1e9 },
      );
      for (const each of steps) {
        if (each.what === 'pass') world.pass(each.ms);
        if (each.what === 'claim') world.claim('no', each.limit);
        if (each.what !== 'insert') continue;
        const row = world.insert(each.priority, true, each.queue);
        world.pass(each.committed ? 0 : 300);
        world.cursor.rewind({ ...row, place: { us: row.place.us, id: '0' } });
      }
      for (let more = world.claim('no', 3); more.length > 0;) more = world.claim('no', 3);
      expect(world.rows.filter(({ claimed }) => !claimed)).toEqual([]);
    });
    fc.assert(run, { numRuns: 500 });
  });
});
