import type { Command } from 'commander';
import { MillraceError } from '../../core/errors.ts';
import type { Grants } from '../../core/operator/grants.ts';
import { settingOf, withMillrace } from '../open.ts';

export function addGrants(program: Command): void {
  program
    .command('grants')
    .description(
      'print the SQL that lets roles of the database enqueue, work or look, and do nothing else; run it as the owner of the schema',
    )
    .option('--producer <role...>', 'may enqueue; can neither read nor change jobs')
    .option('--worker <role...>', 'may run jobs and schedules, and operate')
    .option('--reader <role...>', 'may look at the views; payloads and results are redacted')
    .action(async (grants: Grants, command: Command) => {
      if (Object.keys(grants).length === 0) {
        const message = 'grants: name roles after --producer, --worker or --reader';
        throw new MillraceError('MILLRACE_ARGUMENT_INVALID', message);
      }
      const { output, ...setting } = settingOf(command);
      await withMillrace({ ...setting, output }, 'optional', async (millrace) => {
        const sql = millrace.grants(grants);
        output.answer({ sql }, () => sql);
      });
    });
}
