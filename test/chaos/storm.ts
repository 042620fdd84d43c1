import { setTimeout as sleep } from 'node:timers/promises';
import { poison, ticking } from '../fixtures/jobs.ts';
import type { Fleet } from '../helpers/fleet.ts';
import { actors, keepActing } from './load.ts';
import type { Plan, Planned, ProcessFault } from './plan.ts';
import { Random } from './random.ts';
import type { ReplicatedServer } from './replicated-server.ts';
import { strikeServer } from './server-faults.ts';
import { StaffedPlace } from './staffed-place.ts';

/** Longer than suspects are put off in a storm of some minutes. */
export const putOffMs = 60_000;

/** What came of a storm, apart from its history. */
export interface Aftermath {
  /** How often each fault happened. */
  readonly faults: ReadonlyMap<string, number>;
  readonly places: readonly StaffedPlace[];
  /** For each promotion: how long there was no primary. */
  readonly promotionsMs: readonly number[];
  /** From the last fault until nothing was left to do. */
  readonly settledInMs: number;
  /** Every fire time that may not be let go and has come, by schedule. */
  readonly fireTimes: Readonly<Record<string, readonly number[]>>;
}

/** Lets a storm pass over the fleet, waits until all has settled, and stops every process. */
export async function weather(
  fleet: Fleet,
  server: ReplicatedServer,
  plan: Plan,
): Promise<Aftermath> {
  await using stack = new AsyncDisposableStack();
  // Whoever holds a snapshot from before the clock was taken over would see no time at all.
  await fleet.advanceClock(0);
  const places = await Promise.all(
    plan.places.map(async (place) => stack.use(await StaffedPlace.staff(fleet, place))),
  );
  await Promise.all(places.map((place) => place.ready()));
  const { faults, endMs } = await strikeAll(fleet, server, plan, places);
  await callPoisonOff(fleet);
  await Promise.all(places.map((place) => place.ready()));
  // Suspects are put off for a share of the time that they have waited, of which the clock has made much.
  await fleet.advanceClock(putOffMs);
  await untilFired(fleet);
  const scheduling = places.filter(({ place }) => place.schedules);
  await Promise.all(scheduling.map(({ worker }) => worker.stopScheduling()));
  const workers = places.reduce((sum, { place }) => sum + place.workers, 0);
  // Who died is taken for dead, and who lives is taken for alive.
  await fleet.until('the living workers are registered, and nobody else', async () => {
    const [row] = await fleet.query<{ others: boolean; workers: number }>(
      `SELECT bool_or(role <> 'worker') AS others, count(*)::int AS workers FROM millrace.worker`,
    );
    return row?.others === false && row.workers === workers;
  });
  await fleet.finished(putOffMs);
  const settledInMs = performance.now() - endMs;
  const fireTimes = await timesThatCame(fleet);
  const exits = await Promise.all(places.map((place) => place.close()));
  if (exits.some(({ code }) => code !== 0))
    throw new Error('A worker without jobs says that it gave some back.');
  return { faults, places, promotionsMs: server.pausesMs, settledInMs, fireTimes };
}

/** Nobody waits for jobs that end their process, turn by turn. Those that run do so once more. */
export async function callPoisonOff(fleet: Fleet): Promise<void> {
  await fleet.until('no job is left that ends its process', async () => {
    const left = await fleet.query<{ id: string }>(
      'SELECT id::text FROM millrace.job WHERE kind = $1',
      [poison.kind],
    );
    for (const { id } of left) await fleet.cancel(id);
    return left.length === 0;
  });
}

/** All faults, while the actors act; answers with how often each happened, and when the last was over. */
async function strikeAll(
  fleet: Fleet,
  server: ReplicatedServer,
  plan: Plan,
  places: readonly StaffedPlace[],
): Promise<{ faults: Map<string, number>; endMs: number }> {
  const { seed, seconds } = plan;
  const faults = new Map<string, number>();
  const over = new AbortController();
  const untilMs = performance.now() + seconds * 1_000;
  const inTurn = async <Fault extends string>(
    planned: readonly Planned<Fault>[],
    strike: (each: Planned<Fault>) => Promise<void>,
  ) => {
    for (const each of planned) {
      await sleep(each.pauseMs, undefined, { signal: over.signal });
      if (performance.now() + each.forMs > untilMs) break;
      await strike(each);
      faults.set(each.fault, (faults.get(each.fault) ?? 0) + 1);
    }
    const leftMs = Math.max(0, untilMs - performance.now());
    await sleep(leftMs, undefined, { signal: over.signal });
  };
  const acting = actors.map((actor) =>
    keepActing(actor, fleet, new Random(seed, actor.name), over.signal),
  );
  const striking = [
    inTurn(plan.server, (each) => strikeServer(fleet, server, each)),
    ...plan.lanes.map((lane) =>
      inTurn(lane.faults, (each) =>
        victim(
          lane.places.flatMap((index) => places[index] ?? []),
          each,
        ).strike(each.fault, each.forMs),
      ),
    ),
  ];
  let endMs: number;
  try {
    // The actors go on until told; whoever fails ends the storm for all.
    await Promise.race([Promise.all(striking), Promise.all(acting)]);
  } finally {
    endMs = performance.now();
    over.abort();
    await Promise.allSettled([...striking, ...acting]);
  }
  await Promise.all(acting);
  return { faults, endMs };
}

/** The connections of a process can be told from those of others where they go through a proxy. */
function victim(
  places: readonly StaffedPlace[],
  { fault, where }: Planned<ProcessFault>,
): StaffedPlace {
  const needsProxy = fault === 'cut off' || fault === 'refused';
  const possible = places.filter(({ place }) => place.isProxied || !needsProxy);
  const found = possible[Math.floor(where * possible.length)];
  if (found === undefined) throw new Error(`No process of this lane can be ${fault}.`);
  return found;
}

const careful = ticking.settings.schedules.filter(({ rule }) => rule.windowMs > 0);

interface Stored {
  readonly name: string;
  readonly anchorMs: number;
  readonly lastFireMs: number;
  readonly nowMs: number;
}

function storedSchedules(fleet: Fleet): Promise<Stored[]> {
  const ms = (time: string) => `(extract(epoch FROM ${time}) * 1000)::float8`;
  return fleet.query<Stored & { readonly [column: string]: unknown }>(
    `SELECT name, ${ms('anchor')} AS "anchorMs", ${ms('last_fire')} AS "lastFireMs",
            ${ms('millrace.now()')} AS "nowMs"
       FROM millrace.schedule`,
  );
}

/** Waits until the schedules are up to date with the moment at which it is called. */
async function untilFired(fleet: Fleet): Promise<void> {
  const stored = await storedSchedules(fleet);
  const untilMs = Math.max(...stored.map(({ nowMs }) => nowMs));
  await fleet.until('every fire time of the storm has its job', async () =>
    (await storedSchedules(fleet)).every(({ name, anchorMs, lastFireMs }) => {
      const schedule = careful.find((each) => each.name === name);
      const nextMs = schedule?.times.next(lastFireMs, anchorMs) ?? Infinity;
      return nextMs > untilMs;
    }),
  );
}

/** The fire times from the beginning to the last that was fired: none between them may be missing. */
async function timesThatCame(fleet: Fleet): Promise<Record<string, readonly number[]>> {
  const came: Record<string, number[]> = {};
  for (const { name, anchorMs, lastFireMs } of await storedSchedules(fleet)) {
    const schedule = careful.find((each) => each.name === name);
    if (schedule === undefined) continue;
    const times: number[] = [];
    let ms = schedule.times.next(anchorMs, anchorMs);
    for (; ms !== null && ms <= lastFireMs; ms = schedule.times.next(ms, anchorMs)) times.push(ms);
    came[name] = times;
  }
  return came;
}
