import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 20;

/** Longer than anything here takes, even on a machine that is busy with other things. */
const patienceMs = 120_000;

/** Waits until `condition` holds. @throws Error after two minutes */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const giveUpAt = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`this did not come about: ${what}`);
    await sleep(pollMs);
  }
}
