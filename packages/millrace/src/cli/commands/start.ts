import type { Command } from 'commander';
import type { Duration } from '../../core/duration.ts';
import type { Millrace, WorkerOptions } from '../../core/millrace.ts';
import { checkOptions, workerChecks } from '../../core/options.ts';
import {
  isSupervised,
  joinSupervisor,
  serveHealthOf,
  type HealthServer,
} from '../../supervisor/index.ts';
import { listOf, wholeNumber } from '../arguments.ts';
import { exitCodes } from '../fail.ts';
import { requireConfig, settingOf, withMillrace } from '../open.ts';
import type { Output } from '../output.ts';
import { listenForSignals, roles, runRoles, type Asked, type Role } from '../run-roles.ts';
import { withoutMetrics } from '../../supervisor/prom-client.ts';
import { metricsOf } from '../metrics-of.ts';
import { supervise } from '../supervise.ts';

interface Options {
  readonly role: readonly Role[];
  readonly concurrency?: number;
  readonly queue?: readonly string[];
  readonly stopGrace?: Duration;
  readonly processes: number;
  readonly maxMemory?: number;
  readonly maxJobs?: number;
  readonly listen?: string;
}

export function addStart(program: Command): void {
  program
    .command('start')
    .description(
      'run jobs and schedules until SIGTERM or SIGINT; exit code 0 when all jobs finished, 1 when some were given back. ' +
        'A second signal ends the grace; exit code 130 after SIGINT, 143 after SIGTERM. With several processes, ' +
        'SIGHUP replaces them one by one, each new one being ready before the old one stops',
    )
    .option('--role <roles>', 'with a comma between: worker, scheduler', listOf(roles), [...roles])
    .option(
      '--concurrency <number>',
      'how many jobs run at the same time (default: 10)',
      wholeNumber,
    )
    .option('--queue <queue...>', 'serve only these (default: those of the definitions)')
    .option(
      '--stop-grace <duration>',
      'how long running jobs may go on after SIGTERM (default: 25s)',
    )
    .option(
      '--processes <number>',
      'run so many, under a supervisor that restarts those that die',
      wholeNumber,
      1,
    )
    .option('--max-memory <MiB>', 'replace a process that uses more memory', wholeNumber)
    .option('--max-jobs <number>', 'replace a process that has run so many jobs', wholeNumber)
    .option(
      '--listen <host:port>',
      'serve /livez, /readyz and /metrics there; a port alone is of 127.0.0.1 (default: nowhere)',
    )
    .action(async (options: Options, command: Command) => {
      const setting = settingOf(command);
      if (isSupervised()) {
        const asked = listenForSignals();
        return withMillrace(setting, 'required', (millrace) =>
          runSupervised(millrace, options, asked),
        );
      }
      const asked = listenForSignals();
      asked.stop.addEventListener('abort', () =>
        setting.output.say('millrace: stopping; a second signal aborts the jobs that still run'),
      );
      const { processes, maxMemory, maxJobs } = options;
      if (processes !== 1 || maxMemory !== undefined || maxJobs !== undefined) {
        // What no restart mends is said once, and not by each process again and again.
        checkOptions(workerChecks, workerOptions(options), 'start');
        requireConfig(setting);
        return supervise(options, { output: setting.output, asked });
      }
      return withMillrace(setting, 'required', (millrace) =>
        runAlone(millrace, options, { asked, output: setting.output }),
      );
    });
}

async function runAlone(
  millrace: Millrace,
  { role, listen, ...worker }: Options,
  { asked, output }: { readonly asked: Asked; readonly output: Output },
): Promise<void> {
  let isReady = false;
  asked.stop.addEventListener('abort', () => (isReady = false));
  let server: HealthServer | undefined;
  if (listen !== undefined) {
    const metrics = await metricsOf(millrace);
    server = await serveHealthOf(millrace, listen, {
      isReady: () => isReady,
      ...(metrics && { metrics }),
    });
    output.say(`millrace: health at http://${server.address}/readyz`);
    if (metrics === undefined) output.say(`millrace: ${withoutMetrics}`);
  }
  const { givenBack } = await runRoles(millrace, role, {
    asked,
    worker: workerOptions(worker),
    onStarted: () => {
      isReady = !asked.stop.aborted;
      output.say(`millrace: ${role.join(' and ')} started, pid ${process.pid}`);
    },
  });
  await server?.close();
  if (givenBack > 0) process.exitCode ??= exitCodes.failed;
  output.answer({ roles: role, givenBack }, () =>
    givenBack === 0
      ? 'millrace: stopped'
      : `millrace: stopped; unfinished jobs given back: ${givenBack}`,
  );
}

/** One of several: the supervisor speaks for it. */
async function runSupervised(
  millrace: Millrace,
  { role, listen, ...worker }: Options,
  asked: Asked,
): Promise<void> {
  const metrics = listen === undefined ? undefined : await metricsOf(millrace);
  const joined = joinSupervisor(millrace, { ...(metrics && { metrics }) });
  if (joined === undefined) return;
  const { givenBack } = await runRoles(millrace, role, {
    asked: {
      stop: AbortSignal.any([asked.stop, joined.stop]),
      hurry: AbortSignal.any([asked.hurry, joined.hurry]),
    },
    worker: workerOptions(worker),
    onStarted: () => joined.ready(),
  });
  await joined.done({ givenBack });
}

function workerOptions({
  concurrency,
  queue,
  stopGrace,
}: Pick<Options, 'concurrency' | 'queue' | 'stopGrace'>): WorkerOptions {
  return {
    ...(concurrency !== undefined && { concurrency }),
    ...(queue !== undefined && { queues: queue }),
    ...(stopGrace !== undefined && { stopGrace }),
  };
}
