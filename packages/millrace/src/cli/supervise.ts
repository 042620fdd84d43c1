import { createSupervisor, type SupervisorEvent } from '../supervisor/index.ts';
import { ifPromClient, withoutMetrics } from '../supervisor/prom-client.ts';
import { exitCodes } from './fail.ts';
import type { Output } from './output.ts';
import type { Asked } from './run-roles.ts';

/** What `millrace start` is told about its processes. */
export interface ProcessOptions {
  readonly processes: number;
  readonly maxMemory?: number;
  readonly maxJobs?: number;
  readonly listen?: string;
}

/** Runs this same command in several processes until SIGTERM or SIGINT; SIGHUP replaces them one by one. */
export async function supervise(
  { processes, maxMemory, maxJobs, listen }: ProcessOptions,
  { output, asked }: { readonly output: Output; readonly asked: Asked },
): Promise<void> {
  const supervisor = createSupervisor({
    module: process.argv[1] ?? '',
    args: process.argv.slice(2),
    processes,
    ...(maxMemory !== undefined && { maxMemoryBytes: maxMemory * 2 ** 20 }),
    ...(maxJobs !== undefined && { maxJobs }),
    ...(listen !== undefined && { listen }),
    onEvent: (event) => output.say(`millrace: ${lineOf(event)}`),
  });
  const stopped = new Promise<void>((resolve) => {
    if (asked.stop.aborted) resolve();
    else asked.stop.addEventListener('abort', () => resolve());
  });
  const onHangUp = (): void => {
    output.say('millrace: replacing all processes, one by one');
    void supervisor.reload('asked by SIGHUP').then(() => output.say('millrace: all replaced'));
  };
  process.on('SIGHUP', onHangUp);
  await Promise.race([supervisor.start(), stopped]);
  const { address } = supervisor;
  output.say(`millrace: supervisor of ${processes} processes started, pid ${process.pid}`);
  if (address !== undefined) {
    output.say(`millrace: health at http://${address}/readyz`);
    const combined = await ifPromClient(import('../supervisor/combined-metrics.ts'));
    if (combined === undefined) output.say(`millrace: ${withoutMetrics}`);
  }
  await stopped;
  asked.hurry.addEventListener('abort', () => void supervisor.stop({ now: true }));
  const { givenBack, lost } = await supervisor.stop({ now: asked.hurry.aborted });
  process.off('SIGHUP', onHangUp);
  if (givenBack > 0 || lost > 0) process.exitCode ??= exitCodes.failed;
  output.answer({ processes, givenBack, lost }, () => {
    const parts = [
      ...(givenBack > 0 ? [`unfinished jobs given back: ${givenBack}`] : []),
      ...(lost > 0 ? [`processes that died while stopping: ${lost}`] : []),
    ];
    return ['millrace: stopped', ...parts].join('; ');
  });
}

function lineOf(event: SupervisorEvent): string {
  switch (event.name) {
    case 'ready':
      return `process ${event.pid} is ready`;
    case 'died':
      return `process ${event.pid} ${event.wasReady ? 'died' : 'ended before it was ready'} (${event.how}); a new one starts in ${event.delayMs} ms${event.restarts > 1 ? `, death ${event.restarts} in a row` : ''}`;
    case 'replaced':
      return `process ${event.pid} is replaced by ${event.by}: ${event.because}`;
    case 'stopped':
      return `process ${event.pid} has ended${endOf(event)}`;
    case 'kept':
      return `process ${event.pid} stays, for its replacement failed: ${event.reason}`;
  }
}

function endOf({ how, givenBack }: Extract<SupervisorEvent, { name: 'stopped' }>): string {
  if (givenBack === null) return ` without a word (${how}); the others take over its jobs`;
  return givenBack === 0 ? '' : `; unfinished jobs given back: ${givenBack}`;
}
