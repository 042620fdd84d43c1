import { Option, type Command } from 'commander';
import type { Millrace } from '../../core/millrace.ts';
import { settingOf, withMillrace } from '../open.ts';
import type { Output } from '../output.ts';

interface Options {
  readonly dryRun?: true;
  readonly sql?: true;
}

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description('bring the database schema to this release')
    .option('--dry-run', 'only name the migrations that are missing')
    .addOption(new Option('--sql', 'only print their SQL').conflicts('dryRun'))
    .action(async ({ dryRun, sql }: Options, command: Command) => {
      const setting = settingOf(command);
      const act = dryRun === true ? listPending : sql === true ? printSql : migrate;
      await withMillrace(setting, 'optional', (millrace) => act(millrace, setting.output));
    });
}

async function migrate(millrace: Millrace, output: Output): Promise<void> {
  const applied = await millrace.migrate();
  output.answer({ applied }, () =>
    applied.length === 0
      ? 'The schema is up to date.'
      : applied.map((name) => `applied ${name}`).join('\n'),
  );
}

async function listPending(millrace: Millrace, output: Output): Promise<void> {
  const pending = (await millrace.pendingMigrations()).map(({ name }) => name);
  output.answer({ pending }, () =>
    pending.length === 0
      ? 'The schema is up to date.'
      : pending.map((name) => `pending ${name}`).join('\n'),
  );
}

async function printSql(millrace: Millrace, output: Output): Promise<void> {
  const pending = await millrace.pendingMigrations();
  // Each in a transaction of its own, as `migrate` runs them.
  output.answer({ pending }, () =>
    pending.length === 0
      ? '-- The schema is up to date.'
      : pending.map(({ name, sql }) => `-- ${name}\nBEGIN;\n${sql.trim()}\nCOMMIT;`).join('\n\n'),
  );
}
