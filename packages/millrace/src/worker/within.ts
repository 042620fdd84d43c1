import { pause, type Clock } from '../core/clock.ts';

/** Resolves when `work` has ended, however it ended, at the latest after `longestMs`; never rejects. */
export async function within(
  clock: Clock,
  longestMs: number,
  work: Promise<unknown>,
): Promise<void> {
  const ended = new AbortController();
  const end = () => ended.abort();
  work.then(end, end);
  await pause(clock, longestMs, ended.signal);
}
