import type { Millrace, WorkerOptions, WorkerStopped } from '../core/millrace.ts';
import { exitCodes } from './fail.ts';

export const roles = ['worker', 'scheduler'] as const;

export type Role = (typeof roles)[number];

/** What SIGTERM and SIGINT ask for: the first to stop, the second to do it at once. */
export interface Asked {
  readonly stop: AbortSignal;
  readonly hurry: AbortSignal;
}

/**
 * Listens for signals from now on: also while something starts that does not listen for them yet. The second one shows in
 * the exit code.
 */
export function listenForSignals(): Asked {
  const stop = new AbortController();
  const hurry = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (!stop.signal.aborted) return stop.abort();
      process.exitCode = exitCodes[signal];
      hurry.abort();
    });
  }
  return { stop: stop.signal, hurry: hurry.signal };
}

/**
 * Runs the roles in this process until somebody asks it to stop. Whoever closes the Millrace afterwards stops what still
 * runs when this rejects.
 */
export async function runRoles(
  millrace: Millrace,
  wanted: readonly Role[],
  {
    asked: { stop, hurry },
    worker,
    onStarted,
  }: { readonly asked: Asked; readonly worker: WorkerOptions; readonly onStarted: () => void },
): Promise<WorkerStopped> {
  const services = [
    ...(wanted.includes('worker') ? [millrace.createWorker(worker)] : []),
    ...(wanted.includes('scheduler') ? [millrace.createScheduler()] : []),
  ];
  await Promise.all(services.map((service) => service.start()));
  onStarted();
  const hurryUp = () => {
    for (const service of services) void service.stop({ grace: 0 });
  };
  if (hurry.aborted) hurryUp();
  else hurry.addEventListener('abort', hurryUp);
  const ends = await Promise.all(services.map((service) => service.run({ signal: stop })));
  return { givenBack: ends.reduce((sum, end) => sum + (end?.givenBack ?? 0), 0) };
}
