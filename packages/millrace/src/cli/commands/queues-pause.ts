import type { Command } from 'commander';
import type { Millrace } from '../../core/millrace.ts';
import type { QueueInfo } from '../../core/operator/overview.ts';
import type { PauseAnswer } from '../../core/operator/pauses.ts';
import { nearest } from '../../core/options.ts';
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
          const note = await noteOn(queue, millrace);
          setting.output.answer(answer, () => told(answer) + note);
        });
      },
    );
}

/** A name that is mistyped pauses nothing that anybody meant. */
async function noteOn(queue: string, millrace: Millrace): Promise<string> {
  const queues = await millrace.queues();
  const used = queues.filter(isUsed).map((each) => each.queue);
  if (used.includes(queue)) return '';
  const near = nearest(queue, used);
  const hint = near === undefined ? '' : ` Did you mean '${near}'?`;
  return printable(`\nNo live worker serves it, and it has no jobs at present.${hint}`);
}

function isUsed(queue: QueueInfo): boolean {
  const { available, running, scheduled, retryable, workers, finishedPerMinute } = queue;
  const jobs = [available, running, scheduled, retryable].some((count) => count?.jobs !== 0);
  return jobs || workers > 0 || finishedPerMinute > 0;
}

function told({ status, pause }: PauseAnswer): string {
  const { queue, by, reason, at } = pause;
  if (status === 'paused') return printable(`Queue '${queue}' is paused: ${reason}`);
  return printable(
    `Queue '${queue}' was paused before, by ${by} at ${at.toISOString()}: ${reason}. Nothing was changed.`,
  );
}
