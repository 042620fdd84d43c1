import type { Command } from 'commander';
import { addStrict, answerFindings, type FindingOptions } from '../findings.ts';
import { settingOf, withMillrace } from '../open.ts';

export function addDoctor(program: Command): void {
  addStrict(program.command('doctor'))
    .description(
      'look for what is wrong with the database, and say what mends it; changes nothing; exit code 1 when there is a problem',
    )
    .action(async ({ strict }: FindingOptions, command: Command) => {
      const setting = settingOf(command);
      await withMillrace(setting, 'optional', async (millrace) => {
        answerFindings(await millrace.doctor(), {
          output: setting.output,
          strict: strict === true,
          fine: 'Nothing is wrong.',
        });
      });
    });
}
