import { Command, CommanderError } from 'commander';
import { MillraceError } from '../core/errors.ts';
import { systemClock } from '../system-clock.ts';
import { version } from '../version.ts';
import { addCheck } from './commands/check.ts';
import { addDev } from './commands/dev.ts';
import { addDoctor } from './commands/doctor.ts';
import { addEnqueue } from './commands/enqueue.ts';
import { addGrants } from './commands/grants.ts';
import { addJobs } from './commands/jobs.ts';
import { addMigrate } from './commands/migrate.ts';
import { addQueues } from './commands/queues.ts';
import { addSchedules } from './commands/schedules.ts';
import { addStart } from './commands/start.ts';
import { addStats } from './commands/stats.ts';
import { addTail } from './commands/tail.ts';
import { addWhy } from './commands/why.ts';
import { addWorkers } from './commands/workers.ts';
import { exitCodes, reportFailure } from './fail.ts';
import { timingLine } from './timing.ts';

/** Runs one command and ends the process with its exit code, whatever the project's own code left open. */
export async function runProgram(args: readonly string[]): Promise<never> {
  // Whoever reads our output may stop reading; a worker must not die of that.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const importedMs = systemClock.monotonicMs();
  const program = createProgram();
  const exitCode = await run(program, args);
  if (program.opts<{ timing?: true }>().timing === true)
    process.stderr.write(`${timingLine(importedMs)}\n`);
  await Promise.all([process.stdout, process.stderr].map(flush));
  process.exit(exitCode);
}

async function run(program: Command, args: readonly string[]): Promise<number> {
  try {
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? exitCodes.done);
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportFailure(error, isVerbose(program));
    if (error.exitCode === 0) return exitCodes.done;
    // The help that a command without its verb prints says it all.
    if (error.code === 'commander.help') return exitCodes.usage;
    const message = error.message.replace(/^error: /, '');
    return reportFailure(new MillraceError('MILLRACE_ARGUMENT_INVALID', message), false);
  }
}

export function createProgram(): Command {
  const program = new Command('millrace')
    .description('Background jobs for TypeScript on PostgreSQL.')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'explain a command')
    .helpCommand('help [command]', 'explain a command')
    .option(
      '--config <file>',
      'the configuration (default: millrace.config.ts, .mts, .js or .mjs here)',
    )
    .option('--json', 'print one JSON document on stdout (tail: one a line)')
    .option('--timing', 'say on stderr how long imports, configuration and command took')
    .option('--verbose', 'print the stack of an error (also: MILLRACE_DEBUG=1)')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: () => {} })
    .exitOverride();
  const commands = [
    addDev,
    addStart,
    addMigrate,
    addCheck,
    addDoctor,
    addGrants,
    addEnqueue,
    addJobs,
    addQueues,
    addSchedules,
    addWorkers,
    addStats,
    addTail,
    addWhy,
  ];
  for (const add of commands) add(program);
  return program;
}

function isVerbose(program: Command): boolean {
  return (
    program.opts<{ verbose?: true }>().verbose === true || process.env['MILLRACE_DEBUG'] === '1'
  );
}

function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}
