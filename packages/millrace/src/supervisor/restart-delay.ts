const firstMs = 250;
const capMs = 60_000;

/** Who has run for so long has recovered, and its next failure counts as the first. */
export const recoveredMs = 60_000;

/** How long to wait before a process is started again that has ended so many times in a row without having recovered. */
export function restartDelayMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(capMs, firstMs * 2 ** (failures - 1));
}
