/** Where the time of a command goes, for `--timing`. The clock begins with the process, which runs one command. */
import { systemClock } from '../system-clock.ts';

let configurationMs = 0;

/** Runs what imports and evaluates the configuration. */
export async function timedConfiguration<T>(load: () => Promise<T>): Promise<T> {
  const startedMs = systemClock.monotonicMs();
  try {
    return await load();
  } finally {
    configurationMs += systemClock.monotonicMs() - startedMs;
  }
}

/** @param importedMs when all modules of the command line had been imported */
export function timingLine(importedMs: number): string {
  const commandMs = systemClock.monotonicMs() - importedMs - configurationMs;
  const rounded = (ms: number) => `${Math.round(ms)} ms`;
  return `timing: imports ${rounded(importedMs)}, configuration ${rounded(configurationMs)}, command ${rounded(commandMs)}`;
}
