import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { EnqueueOptions } from '../../core/enqueue.ts';
import { MillraceError } from '../../core/errors.ts';
import type { AnyJobDefinition } from '../../core/job-definition.ts';
import type { Json } from '../../core/json.ts';
import type { Millrace } from '../../core/millrace.ts';
import { nearest } from '../../core/options.ts';
import { parseJson, wholeNumber } from '../arguments.ts';
import { settingOf, withMillrace } from '../open.ts';

interface Options {
  readonly delay?: string;
  readonly at?: string;
  readonly priority?: number;
  readonly queue?: string;
  readonly uniqueKey?: string;
  readonly maxAttempts?: number;
  readonly tag?: readonly string[];
}

export function addEnqueue(program: Command): void {
  program
    .command('enqueue')
    .description('enqueue a job of the configuration')
    .argument('<kind>', 'the kind of its definition')
    .argument('[json]', 'the payload; - reads it from stdin', '{}')
    .option('--delay <duration>', 'how long from now, such as 30s, 5m, 12h')
    .option('--at <time>', 'when it becomes due, such as 2030-01-31T12:00:00Z')
    .option('--priority <number>', 'from -32 to 32, higher first', wholeNumber)
    .option('--queue <name>', 'instead of the queue of the definition')
    .option('--unique-key <key>', 'no second unfinished job of this queue and key')
    .option('--max-attempts <number>', 'instead of those of the definition', wholeNumber)
    .option('--tag <tag...>', 'texts to find it by')
    .action(async (kind: string, json: string, options: Options, command: Command) => {
      const setting = settingOf(command);
      const payload = parsePayload(json === '-' ? await text(process.stdin) : json);
      await withMillrace(setting, 'required', async (millrace) => {
        const definition = definitionOf(millrace, kind);
        const { codec } = definition.settings;
        const { status, id } = await millrace.enqueue(
          definition,
          codec.fromJson === undefined ? payload : codec.fromJson(payload),
          enqueueOptions(options),
        );
        setting.output.answer({ status, id }, () =>
          status === 'created' ? `enqueued job ${id}` : `job ${id} has this unique key already`,
        );
      });
    });
}

function definitionOf({ jobs }: Millrace, kind: string): AnyJobDefinition {
  const definition = jobs.get(kind);
  if (definition !== undefined) return definition;
  const near = nearest(kind, [...jobs.keys()]);
  const hint = near === undefined ? '' : `; did you mean '${near}'?`;
  throw new MillraceError('MILLRACE_KIND_UNKNOWN', `the configuration has no job '${kind}'${hint}`);
}

function parsePayload(json: string): Json {
  try {
    return parseJson(json);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MillraceError('MILLRACE_ARGUMENT_INVALID', `the payload is not JSON: ${reason}`, {
      cause: error,
    });
  }
}

function enqueueOptions({
  delay,
  at,
  priority,
  queue,
  uniqueKey,
  maxAttempts,
  tag,
}: Options): EnqueueOptions {
  return {
    ...(delay !== undefined && { delay: delay as NonNullable<EnqueueOptions['delay']> }),
    ...(at !== undefined && { scheduledAt: at }),
    ...(priority !== undefined && { priority }),
    ...(queue !== undefined && { queue }),
    ...(uniqueKey !== undefined && { uniqueKey }),
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(tag !== undefined && { tags: tag }),
  };
}
