import type { Command } from 'commander';
import type { Why } from '../../core/operator/why.ts';
import { settingOf, withMillrace } from '../open.ts';
import { printable, properties } from '../output.ts';

export function addWhy(program: Command): void {
  program
    .command('why')
    .description('say in one sentence why a job is where it is, with the evidence')
    .argument('<id>', 'as enqueue and jobs list print it')
    .action(async (id: string, _options: object, command: Command) => {
      const setting = settingOf(command);
      await withMillrace(setting, 'optional', async (millrace) => {
        const why = await millrace.why(id);
        setting.output.answer(why, () => show(why));
      });
    });
}

function show({ sentence, evidence }: Why): string {
  const pairs = Object.entries(evidence).map(
    ([name, value]) =>
      [
        name,
        value === null ? null : printable(Array.isArray(value) ? value.join(', ') : String(value)),
      ] as const,
  );
  return `${printable(sentence)}\n${properties(pairs)}`;
}
