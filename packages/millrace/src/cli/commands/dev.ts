import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { MessageChannel } from 'node:worker_threads';
import type { Command } from 'commander';
import type { Millrace } from '../../core/millrace.ts';
import { printAttempts } from '../attempt-lines.ts';
import { findConfig, loadConfig } from '../config.ts';
import { openDevelopmentDatabase } from '../dev-database.ts';
import { settingOf, using, type Setting } from '../open.ts';
import { properties, readableSpec, shortPath, style } from '../output.ts';
import { listenForSignals, runRoles, type Asked, type Role } from '../run-roles.ts';

/** A developer who presses Ctrl-C does not want to wait as long as a deployment does. */
const stopGrace = '5s';

export function addDev(program: Command): void {
  program
    .command('dev')
    .description('run everything here, with a database of its own unless DATABASE_URL is set')
    .action(async (_options: object, command: Command) => {
      const setting = settingOf(command);
      const asked = listenForSignals();
      const configFile = findConfig(setting.configFile);
      const database = await openDevelopmentDatabase();
      try {
        if (configFile === undefined) await runEmpty(database.place, setting, asked);
        else {
          await using(await loadConfig(configFile), (millrace) =>
            run(millrace, { ...setting, configFile }, database.place, asked),
          );
        }
      } finally {
        await database.stop();
      }
    });
}

async function run(
  millrace: Millrace,
  { output, configFile = '' }: Setting,
  place: string,
  asked: Asked,
): Promise<void> {
  const applied = await millrace.migrate();
  const definitions = [...millrace.jobs.values()];
  const kinds = definitions.map(({ kind }) => kind);
  const schedules = definitions.flatMap(({ settings }) =>
    settings.schedules.map(({ name, times }) => `${name} (${readableSpec(times.spec)})`),
  );
  const roles: Role[] = schedules.length > 0 ? ['scheduler'] : [];
  if (definitions.some(({ settings }) => settings.handler !== undefined)) roles.push('worker');
  millrace.subscribe(printAttempts(output), 'millrace dev');
  await runRoles(millrace, roles, {
    asked,
    worker: { stopGrace },
    onStarted: () =>
      output.answer({ database: place, config: configFile, applied, kinds, schedules }, () =>
        properties([
          ['database', place],
          ['schema', applied.length === 0 ? 'up to date' : `migrated: ${applied.join(', ')}`],
          ['config', shortPath(configFile)],
          ['jobs', kinds.length === 0 ? 'none' : kinds.join(', ')],
          ['schedules', schedules.length === 0 ? null : schedules.join(', ')],
          ['enqueue', kinds[0] === undefined ? null : `npx millrace enqueue ${kinds[0]} '{}'`],
          ['stop', 'Ctrl-C'],
        ]),
      ),
  });
  await aborted(asked.stop);
}

async function runEmpty(place: string, { output }: Setting, asked: Asked): Promise<void> {
  output.answer({ database: place, config: null, applied: [], kinds: [], schedules: [] }, () =>
    [
      properties([
        ['database', place],
        ['stop', 'Ctrl-C'],
      ]),
      '',
      `There are no jobs yet. Create ${style('bold', `millrace.config.${suffix()}`)} and start this command again:`,
      '',
      example,
    ].join('\n'),
  );
  await aborted(asked.stop);
}

const example = `import { createMillrace, defineJob } from 'millrace';

const hello = defineJob({ kind: 'hello', handler: async (payload, { id }) => \`Hello from job \${id}\` });

export default createMillrace({ jobs: [hello] });`;

/** The one that Node.js reads as a module in this project. */
function suffix(): 'ts' | 'mts' {
  try {
    const { type } = JSON.parse(readFileSync('package.json', 'utf8')) as { type?: string };
    return type === 'module' ? 'ts' : 'mts';
  } catch {
    return 'mts';
  }
}

/** Listening for signals does not keep a process alive; an open port does. */
async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { port1 } = new MessageChannel();
  port1.on('message', () => {});
  await once(signal, 'abort');
  port1.close();
}
