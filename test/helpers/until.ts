import { vi } from 'vitest';

/** Waits until `condition` holds; never for a fixed time. A condition that is dear to ask gets a longer interval. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  intervalMs = 10,
  timeoutMs = 60_000,
): Promise<void> {
  await vi.waitFor(
    async () => {
      if (!(await condition())) throw new Error(`This did not come about: ${what}.`);
    },
    { timeout: timeoutMs, interval: intervalMs },
  );
}
