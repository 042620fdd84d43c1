import { expect } from 'vitest';
import { defaultTuning, type Tuning } from '../../packages/millrace/src/core/tuning.ts';
import { held, short } from '../fixtures/jobs.ts';
import type { Fleet } from './fleet.ts';
import { machineMs } from './history-log.ts';
import type { WorkerProcess } from './worker-process.ts';

/** The default times, but a new observer judges sooner, so that a test can outlast it. */
export const hasty: Tuning = { ...defaultTuning, graceMs: 5_000 };

const windowMs = 500;

/** Two workers that are busy, before something happens to their server. */
export interface BusyFleet {
  readonly workers: readonly WorkerProcess[];
  /** Jobs that run until their worker lets them go. */
  readonly held: readonly string[];
  /** How many jobs end in half a second. */
  readonly pace: number;
}

/** Starts two workers and gives them work for more than five seconds. */
export async function startBusy(fleet: Fleet): Promise<BusyFleet> {
  const options = { tuning: hasty, concurrency: 5, events: ['settle:retried'] } as const;
  const workers = [await fleet.start(options), await fleet.start(options)];
  const jobs = await fleet.enqueue(held.with({}), held.with({}));
  await fleet.until('they run', () => jobs.every((id) => runsOf(fleet, id) === 1));
  await fleet.enqueue(...Array.from({ length: 1_000 }, () => short.with({ ms: 50 })));
  await fleet.until('the workers are busy', () => paceOf(fleet, 0) > 50);
  return { workers, held: jobs, pace: paceOf(fleet, 0) };
}

/**
 * Waits until a busy fleet is at least four fifths as fast as it was; answers with the milliseconds that took, and prints
 * them.
 */
export async function backToPace(fleet: Fleet, { pace }: BusyFleet, what: string): Promise<number> {
  const sinceMs = machineMs();
  await fleet.until('jobs end as fast as before', () => paceOf(fleet, sinceMs) >= 0.8 * pace, 20);
  const tookMs = Math.round(machineMs() - sinceMs);
  process.stdout.write(`G16: full rate ${tookMs} ms after the server was ${what}\n`);
  return tookMs;
}

/** Everything comes to its end in its first run, and nobody was taken for dead. */
export async function expectUnharmed(fleet: Fleet, busy: BusyFleet): Promise<void> {
  await outlast(fleet, hasty.graceMs);
  for (const worker of busy.workers) worker.letGo();
  await fleet.finished();
  for (const id of busy.held) {
    expect(runsOf(fleet, id)).toBe(1);
    expect(await fleet.millrace.get(id)).toMatchObject({ state: 'completed', attempt: 1 });
  }
  const dead = await fleet.query(
    `SELECT no, reason FROM millrace.worker_dead WHERE reason IN ('crashed', 'silent')`,
  );
  expect(dead).toEqual([]);
  expect(await fleet.query('SELECT id FROM millrace.jobs WHERE crashes > 0')).toEqual([]);
  expect(await fleet.violations({ allFinished: true, exactlyOnce: true })).toEqual([]);
}

/** Waits until observers of this moment have had the time to judge. */
export async function outlast(fleet: Fleet, graceMs: number): Promise<void> {
  const untilMs = machineMs() + 1.3 * graceMs;
  await fleet.until('whoever watches has watched for long enough', () => machineMs() > untilMs);
}

/** How often the handler of a job was begun. */
export function runsOf(fleet: Fleet, id: string): number {
  return fleet.history().filter((line) => line.what === 'began' && line.job === id).length;
}

/** How many handlers ended in the last half second, of those that ended after `sinceMs`. */
function paceOf(fleet: Fleet, sinceMs: number): number {
  const from = Math.max(sinceMs, machineMs() - windowMs);
  return fleet.history().filter((line) => line.what === 'ended' && line.monotonicMs >= from).length;
}
