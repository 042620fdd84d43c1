import { setTimeout as sleep } from 'node:timers/promises';
import { nowMs } from './numbers.ts';

const intervalMs = 5;
const defaultTimeoutMs = 300_000;

/** Waits until `condition` holds. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = defaultTimeoutMs,
): Promise<void> {
  for (const deadline = nowMs() + timeoutMs; !(await condition()); await sleep(intervalMs)) {
    if (nowMs() > deadline) throw new Error(`This did not come about in ${timeoutMs} ms: ${what}.`);
  }
}
