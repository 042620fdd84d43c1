import type { Command } from 'commander';
import type { Duration } from '../../core/duration.ts';
import type { WorkerOptions } from '../../core/millrace.ts';
import { listOf, wholeNumber } from '../arguments.ts';
import { exitCodes } from '../fail.ts';
import { settingOf, withMillrace } from '../open.ts';
import { listenForSignals, roles, runRoles, type Role } from '../run-roles.ts';

interface Options {
  readonly role: readonly Role[];
  readonly concurrency?: number;
  readonly queue?: readonly string[];
  readonly stopGrace?: Duration;
}

export function addStart(program: Command): void {
  program
    .command('start')
    .description(
      'run jobs and schedules until SIGTERM or SIGINT; exit code 0 when all jobs finished, 1 when some were given back. ' +
        'A second signal ends the grace; exit code 130 after SIGINT, 143 after SIGTERM',
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
    .action(async ({ role, ...worker }: Options, command: Command) => {
      const setting = settingOf(command);
      const asked = listenForSignals();
      asked.stop.addEventListener('abort', () =>
        setting.output.say('millrace: stopping; a second signal aborts the jobs that still run'),
      );
      await withMillrace(setting, 'required', async (millrace) => {
        const { givenBack } = await runRoles(millrace, role, {
          asked,
          worker: workerOptions(worker),
          onStarted: () =>
            setting.output.say(`millrace: ${role.join(' and ')} started, pid ${process.pid}`),
        });
        if (givenBack > 0) process.exitCode ??= exitCodes.failed;
        setting.output.answer({ roles: role, givenBack }, () =>
          givenBack === 0
            ? 'millrace: stopped'
            : `millrace: stopped; unfinished jobs given back: ${givenBack}`,
        );
      });
    });
}

function workerOptions({ concurrency, queue, stopGrace }: Omit<Options, 'role'>): WorkerOptions {
  return {
    ...(concurrency !== undefined && { concurrency }),
    ...(queue !== undefined && { queues: queue }),
    ...(stopGrace !== undefined && { stopGrace }),
  };
}
