import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { defineJob, type EventName, type MillraceEvent } from 'millrace';
import { composeMillrace } from '../../packages/millrace/src/runtime.ts';
import { StandIn } from '../../packages/millrace/src/storage/stand-in.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { calm } from '../helpers/fleet.ts';
import { claim, identity, newJob, openStorage } from '../helpers/storage.ts';
import { until } from '../helpers/until.ts';

const blockedForMs = 100;

function waitBlocking(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

it('G5: a stand-in beats for every identity of its process and for nobody else, and a beat of the event loop ends the block', async () => {
  await using database = await createTestDatabase();
  const storage = openStorage(database.url);
  const session = storage.session();
  const me = identity(1);
  const { boot } = me;
  await session.register(me);
  await session.adoptSchedules(identity(2, { boot, role: 'scheduler' }), [], true);
  await session.register(identity(3));
  await storage.enqueue([newJob(), newJob()]);
  const [job] = await claim(session, me.no, 1, { limit: 1 });
  const id = job?.id ?? '';

  const standIn = new StandIn({
    connection: { connectionString: database.url },
    schema: 'millrace',
    boot,
  });
  // A job that has ended, or that somebody else has, is not named.
  await standIn.beat(1_500, [id, String(BigInt(id) + 1n)]);
  await standIn.beat(2_500, [id]);
  await standIn.close();
  const before = Date.now();
  const blocked = { jobs: [{ id, kind: 'test', queue: 'default', attempt: 1 }] };
  const { sightings } = await session.look();
  expect(sightings).toMatchObject([
    { no: 1, mode: 'session', beat: '2', blocked },
    { no: 2, mode: 'heartbeat', beat: '2', blocked },
    { no: 3, beat: '0', blocked: null },
  ]);
  const since = new Date(sightings[0]?.blocked?.since ?? '').getTime();
  expect(before - since).toBeGreaterThan(1_000);
  expect(before - since).toBeLessThan(3 * 1_500);

  expect(await session.beat(1, null)).toBe(true);
  const after = (await session.look()).sightings;
  expect(after.map((each) => each.blocked === null)).toEqual([true, false, true]);
  await storage.close();
});

it.each([
  { what: 'the password', how: { password: async () => 'secret' } },
  { what: 'the stream', how: { stream: () => new Socket() } },
])(
  'G5: where a function makes $what all works; a warning says once that nobody watches the event loop',
  async ({ how }) => {
    await using database = await createTestDatabase();
    const connection = { connectionString: database.url, ...how };
    const block = defineJob({ kind: 'block', handler: () => waitBlocking(4 * blockedForMs) });
    const millrace = composeMillrace(
      { connection, jobs: [block], logger: false },
      { ...calm, blockedForMs },
    );
    const events: MillraceEvent[] = [];
    const named = (name: EventName) => events.filter((event) => event.name === name);
    millrace.subscribe((event) => events.push(event));
    const worker = millrace.createWorker();
    await worker.start();
    const { id } = await millrace.enqueue(block);
    await until('it tells of the block', () => named('loop:blocked').length > 0);
    expect(named('loop:blocked')).toMatchObject([{ data: { jobs: [{ id, kind: 'block' }] } }]);
    await until('it is completed', async () => (await millrace.get(id))?.state === 'completed');
    await millrace.close();
    expect(named('loop:unwatched')).toMatchObject([
      { data: { error: { message: expect.stringContaining('could not be cloned') as string } } },
    ]);
  },
);
