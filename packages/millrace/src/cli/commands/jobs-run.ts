import { inspect } from 'node:util';
import type { Command } from 'commander';
import { formatDuration } from '../../core/duration.ts';
import { MillraceError } from '../../core/errors.ts';
import type { RunJobAnswer } from '../../core/operator/run.ts';
import { exitCodes } from '../fail.ts';
import { settingOf, withMillrace } from '../open.ts';
import { inPlaceOfCiphertext, inStateColour, printable, style } from '../output.ts';
import { listenForSignals } from '../run-roles.ts';

interface Options {
  readonly rollback?: boolean;
}

export function addJobsRun(jobs: Command): void {
  jobs
    .command('run')
    .description('run one waiting job here, due or not, with the handler of the configuration')
    .argument('<id>', 'as enqueue and list print it')
    .option(
      '--rollback',
      'undo what its transaction did and leave the job as it was; only for handlers with `transaction`',
    )
    .action(async (id: string, { rollback = false }: Options, command: Command) => {
      const setting = settingOf(command);
      const { stop } = listenForSignals();
      await withMillrace(setting, 'required', async (millrace) => {
        const answer = await millrace.runJob(id, { rollback, signal: stop });
        if (answer.status !== 'ran') throw refusal(id, answer);
        setting.output.answer(answer, () => show(id, answer, rollback));
        if (answer.error !== null) process.exitCode = exitCodes.failed;
      });
    });
}

function show(
  id: string,
  { state, durationMs, returned, error }: Extract<RunJobAnswer, { status: 'ran' }>,
  rollback: boolean,
): string {
  const how = error === null ? style('green', 'returned') : style('red', 'failed');
  const now = state === null ? 'nothing of it is kept' : `it is ${inStateColour(state)}`;
  const after = rollback ? `rolled back; ${now}, as it was` : now;
  const lines = [`job ${id} ${how} after ${formatDuration(durationMs)}; ${after}`];
  if (returned !== undefined)
    lines.push(inPlaceOfCiphertext(returned) ?? printable(inspect(returned, { depth: 5 })));
  if (error !== null) lines.push(printable(error.stack ?? `${error.name}: ${error.message}`));
  return lines.join('\n');
}

function refusal(id: string, answer: Exclude<RunJobAnswer, { status: 'ran' }>): MillraceError {
  switch (answer.status) {
    case 'missing':
      return new MillraceError('MILLRACE_JOB_NOT_FOUND', `there is no job ${id}`);
    case 'running':
      return new MillraceError('MILLRACE_JOB_RUNNING', `job ${id} runs elsewhere`);
    case 'busy':
      return new MillraceError('MILLRACE_JOB_BUSY', `job ${id} is held by somebody else`);
    case 'finished':
      return new MillraceError('MILLRACE_JOB_FINISHED', `job ${id} is ${answer.state} already`);
  }
}
