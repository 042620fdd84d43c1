/** Offered load: calls at their times, whether or not the earlier ones have been answered. */
import { setTimeout as sleep } from 'node:timers/promises';
import { nowMs } from '../numbers.ts';

/** Calls `act` every `intervalMs`, so many times, and waits for all of them. What is late is caught up with. */
export async function everyMs(
  intervalMs: number,
  times: number,
  act: (at: number) => Promise<void>,
): Promise<void> {
  const beganMs = nowMs();
  const running: Promise<void>[] = [];
  for (let at = 0; at < times; at++) {
    const waitMs = beganMs + at * intervalMs - nowMs();
    if (waitMs > 0) await sleep(waitMs);
    running.push(act(at));
  }
  await Promise.all(running);
}
