import type { Millrace, WorkerOptions, WorkerStopped } from '../core/millrace.ts';

export const roles = ['worker', 'scheduler'] as const;

export type Role = (typeof roles)[number];

/** Aborts at SIGTERM and SIGINT, from now on: also while something starts that does not listen for them yet. */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopping.abort());
  return stopping.signal;
}

/**
 * Runs the roles in this process until `stop` aborts. Whoever closes the Millrace afterwards stops what still runs when
 * this rejects.
 */
export async function runRoles(
  millrace: Millrace,
  wanted: readonly Role[],
  {
    stop,
    worker,
    onStarted,
  }: { readonly stop: AbortSignal; readonly worker: WorkerOptions; readonly onStarted: () => void },
): Promise<WorkerStopped> {
  const services = [
    ...(wanted.includes('worker') ? [millrace.createWorker(worker)] : []),
    ...(wanted.includes('scheduler') ? [millrace.createScheduler()] : []),
  ];
  await Promise.all(services.map((service) => service.start()));
  onStarted();
  const ends = await Promise.all(services.map((service) => service.run({ signal: stop })));
  return { givenBack: ends.reduce((sum, end) => sum + (end?.givenBack ?? 0), 0) };
}
