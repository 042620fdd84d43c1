import type { Command } from 'commander';
import { settingOf, withMillrace } from '../open.ts';
import { printable } from '../output.ts';

export function addQueuesResume(queues: Command): void {
  queues
    .command('resume')
    .description('end the pause of a queue')
    .argument('<queue>')
    .action(async (queue: string, _options: object, command: Command) => {
      const setting = settingOf(command);
      await withMillrace(setting, 'optional', async (millrace) => {
        const answer = await millrace.resumeQueue(queue);
        setting.output.answer(answer, () =>
          printable(
            answer.status === 'resumed'
              ? `Queue '${queue}' goes on; ${answer.pause.by} had paused it at ${answer.pause.at.toISOString()}: ${answer.pause.reason}`
              : `Queue '${queue}' is not paused.`,
          ),
        );
      });
    });
}
