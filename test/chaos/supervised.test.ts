import { setTimeout as sleep } from 'node:timers/promises';
import { startDevDatabase, type DevDatabase } from '@millrace/dev-db';
import { expect, it } from 'vitest';
import { Fleet } from '../helpers/fleet.ts';
import { checkPast } from '../helpers/history-checker.ts';
import { durable } from '../helpers/own-server.ts';
import { Crew, crewFaults } from './crew.ts';
import { actors, keepActing } from './load.ts';
import type { StormOptions } from './plan.ts';
import { Random } from './random.ts';
import { callPoisonOff, putOffMs } from './storm.ts';

/** `npm run chaos -- --supervised` asks for one of its own. */
const byHand = process.env['MILLRACE_CHAOS'];
const options: StormOptions =
  byHand === undefined
    ? { seed: 1, seconds: 8, processes: 3 }
    : (JSON.parse(byHand) as StormOptions);

/** Three times what was seen on a slow machine. */
const settleWithinMs = 60_000;

it(
  `G1: G2: G3: G6: G7: W19: W26: after a storm over the processes of a supervisor, of kills, freezes, replacements and restarts of the server, every promise was kept (seed ${options.seed})`,
  { timeout: options.seconds * 1_500 + 240_000 },
  async () => {
    const { seed, seconds, processes } = options;
    await using server = await startDevDatabase({
      ...durable,
      settings: { ...durable.settings, max_connections: '200' },
    });
    await using fleet = await Fleet.on(server);
    await fleet.advanceClock(0);
    await using crew = await Crew.start(fleet, processes);

    const beginMs = performance.now();
    await strikeAll(fleet, server, crew);
    const endMs = performance.now();
    await callPoisonOff(fleet);
    await fleet.advanceClock(putOffMs);
    // Also where the supervisor waits before it starts one again.
    await crew.supervisor.reload();
    await fleet.until('the living workers are registered, and nobody else', async () => {
      const [row] = await fleet.query<{ n: number }>(
        'SELECT count(*)::int AS n FROM millrace.worker',
      );
      return row?.n === processes;
    });
    await fleet.finished(putOffMs);
    const settledInMs = performance.now() - endMs;
    expect(await crew.supervisor.stop()).toEqual({ givenBack: 0, lost: 0 });

    const past = await fleet.past({ allFinished: true });
    const happened = [...crew.happened].map(([name, count]) => `${count} ${name}`).join(', ');
    process.stdout.write(
      `supervised, seed ${seed}: ${seconds} s, ${processes} processes: ${happened}; jobs: ${past.jobs.size}, ` +
        `runs: ${past.runNamed.size}, over in ${Math.round(endMs - beginMs)} ms, settled in ${Math.round(settledInMs)} ms\n`,
    );
    const violations = checkPast(past);
    if (violations.length > 0)
      process.stdout.write(`what was logged is left in ${fleet.leaveFolder()}\n`);
    expect(violations).toEqual([]);
    expect(settledInMs).toBeLessThan(settleWithinMs);
  },
);

/** Everything that happens, while the actors act. */
async function strikeAll(fleet: Fleet, server: DevDatabase, crew: Crew): Promise<void> {
  const { seed, seconds } = options;
  const over = new AbortController();
  const untilMs = performance.now() + seconds * 1_000;
  const inTurn = async (whose: string, strike: (random: Random) => Promise<void>) => {
    const random = new Random(seed, whose);
    while (performance.now() < untilMs) {
      await sleep(random.between(200, 1_500), undefined, { signal: over.signal });
      await strike(random);
    }
  };
  const deals = new Random(seed, 'faults').deals(crewFaults);
  const striking = [
    inTurn('crew', (random) => crew.strike(deals.next().value, random.fraction())),
    inTurn('server', async (random) => {
      if (!random.chance(0.3)) return;
      await server.kill('SIGKILL');
      await sleep(random.between(0, 1_500));
      await server.restart();
    }),
  ];
  const acting = actors.map((actor) =>
    keepActing(actor, fleet, new Random(seed, actor.name), over.signal),
  );
  try {
    await Promise.race([Promise.all(striking), Promise.all(acting)]);
  } finally {
    over.abort();
    await Promise.allSettled([...striking, ...acting]);
  }
  await Promise.all(acting);
}
