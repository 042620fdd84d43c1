import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Fleet } from '../helpers/fleet.ts';
import { checkPast } from '../helpers/history-checker.ts';
import { planOf, stormsOfCi, type StormOptions } from './plan.ts';
import { ReplicatedServer } from './replicated-server.ts';
import { reportOf } from './report.ts';
import { weather } from './storm.ts';

/** `npm run chaos` asks for one of its own. */
const byHand = process.env['MILLRACE_CHAOS'];
const storms: readonly StormOptions[] =
  byHand === undefined ? stormsOfCi : [JSON.parse(byHand) as StormOptions];

/** Three times what was seen on a slow machine. */
const settleWithinMs = 60_000;

/** What the beginning, the end and the check may take. */
const aroundMs = 240_000;

/** Whoever is to find out what happened finds everything in one folder. */
async function leaveTraces(fleet: Fleet, server: ReplicatedServer, plan: object): Promise<void> {
  const folder = fleet.leaveFolder();
  const write = (name: string, what: unknown) =>
    writeFileSync(join(folder, name), JSON.stringify(what, null, 1));
  write('plan.json', plan);
  for (const table of [
    'jobs',
    'job_attempt',
    'worker',
    'worker_dead',
    'cancel_request',
    'schedule',
  ])
    write(`${table}.json`, await fleet.query(`TABLE millrace.${table}`).catch(String));
  for (const [index, log] of server.logs.entries())
    copyFileSync(log, join(folder, `server-${index + 1}.log`));
  process.stdout.write(`what was logged is left in ${folder}\n`);
}

it.each(storms)(
  'G1: G2: G3: G6: G7: G9: G11: G16: G24: after a storm of kills, freezes, cuts, restarts and promotions every promise was kept (seed $seed)',
  { timeout: Math.max(...storms.map(({ seconds }) => seconds * 1_500)) + aroundMs },
  async (options) => {
    const plan = planOf(options);
    await using server = await ReplicatedServer.start();
    await using fleet = await Fleet.on(server);
    try {
      const aftermath = await weather(fleet, server, plan);
      const { fireTimes, settledInMs } = aftermath;
      const beginMs = performance.now();
      const past = await fleet.past({ allFinished: true, fireTimes });
      const violations = checkPast(past);
      const checkedInMs = performance.now() - beginMs;
      process.stdout.write(reportOf(plan, past, { ...aftermath, checkedInMs }));

      expect(violations).toEqual([]);
      if (byHand === undefined) expect(aftermath.promotionsMs).not.toEqual([]);
      const printed = aftermath.places.flatMap(({ workers }) => workers.map((each) => each.stderr));
      expect(printed.filter((text) => text !== '')).toEqual([]);
      expect(settledInMs).toBeLessThan(settleWithinMs);
    } catch (error) {
      await leaveTraces(fleet, server, plan);
      throw error;
    }
  },
);
