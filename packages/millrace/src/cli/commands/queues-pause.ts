import type { Command } from 'commander';
import type { PauseAnswer } from '../../core/operator/pauses.ts';
import { operatorName, settingOf, withMillrace } from '../open.ts';
import { printable } from '../output.ts';

export function addQueuesPause(queues: Command): void {
  queues
    .command('pause')
    .description('claim nothing more of a queue, in every process, until it is resumed')
    .argument('<queue>')
    .requiredOption('--reason <text>', 'why, for whoever asks')
    .option('--by <name>', 'who (default: your user here)')
    .action(
      async (queue: string, { reason, by }: { reason: string; by?: string }, command: Command) => {
        const setting = settingOf(command);
        await withMillrace(setting, 'optional', async (millrace) => {
          const answer = await millrace.pauseQueue(queue, { by: by ?? operatorName(), reason });
          setting.output.answer(answer, () => told(answer));
        });
      },
    );
}

function told({ status, pause }: PauseAnswer): string {
  const { queue, by, reason, at } = pause;
  if (status === 'paused') return printable(`Queue '${queue}' is paused: ${reason}`);
  return printable(
    `Queue '${queue}' was paused before, by ${by} at ${at.toISOString()}: ${reason}. Nothing was changed.`,
  );
}
