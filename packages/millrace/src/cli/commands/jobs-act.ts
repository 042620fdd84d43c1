import type { Command } from 'commander';
import { MillraceError } from '../../core/errors.ts';
import type { Json } from '../../core/json.ts';
import type { Millrace } from '../../core/millrace.ts';
import type { JobVerb, VerbAnswer, VerbStatus } from '../../core/operator/job-verbs.ts';
import type {
  BulkFilter,
  BulkOptions,
  BulkProgress,
  BulkResult,
} from '../../core/operator/options.ts';
import { json, wholeNumber } from '../arguments.ts';
import { exitCodes } from '../fail.ts';
import { addFilter, filterOf, type FilterArguments } from '../job-filter.ts';
import { settingOf, withMillrace, type Setting } from '../open.ts';
import { inStateColour, style } from '../output.ts';
import { progressBar } from '../progress-bar.ts';
import { listenForSignals } from '../run-roles.ts';

interface Options extends FilterArguments {
  readonly all?: true;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly chunk?: number;
  readonly reason?: string;
  readonly delay?: string;
  readonly at?: string;
  readonly payload?: Json;
  readonly priority?: number;
  readonly moveTo?: string;
}

interface Verb {
  readonly name: JobVerb;
  readonly description: string;
  /** What it did. */
  readonly done: string;
  readonly add?: (command: Command) => Command;
}

const addReason = (command: Command) =>
  command.option('--reason <text>', 'why, for whoever looks at the job later');

const verbs: readonly Verb[] = [
  {
    name: 'retry',
    description: 'make waiting jobs due now, and bring finished ones back',
    done: 'retried',
  },
  {
    name: 'cancel',
    description: 'cancel waiting jobs, and ask running ones to stop',
    done: 'cancelled',
    add: addReason,
  },
  {
    name: 'discard',
    description: 'give waiting jobs up for good',
    done: 'discarded',
    add: addReason,
  },
  {
    name: 'reschedule',
    description: 'give waiting jobs another due time',
    done: 'rescheduled',
    add: (command) =>
      command
        .option('--delay <duration>', 'how long from now, such as 30s, 5m, 12h')
        .option('--at <time>', 'when they become due, such as 2030-01-31T12:00:00Z'),
  },
  {
    name: 'edit',
    description: 'change the payload, priority or queue of waiting jobs',
    done: 'changed',
    add: (command) =>
      command
        .option('--payload <json>', 'the new payload; with a filter, that needs --kind', json)
        .option('--priority <number>', 'from -32 to 32, higher first', wholeNumber)
        .option('--move-to <queue>', 'the queue to move them to'),
  },
  {
    name: 'delete',
    description: 'remove jobs that wait or are finished, with all that is known of them',
    done: 'deleted',
  },
];

export function addJobVerbs(jobs: Command): void {
  for (const verb of verbs) {
    const command = jobs
      .command(verb.name)
      .description(verb.description)
      .argument('[id...]', 'as enqueue and list print it; or name the jobs by what follows');
    addFilter(verb.add?.(command) ?? command)
      .option('--all', 'all jobs there are')
      .option('--dry-run', 'only say what would become of them')
      .option('--yes', 'do it to all that match, which needs this or --dry-run')
      .option('--chunk <number>', 'how many in one transaction (default: 500)', wholeNumber)
      .action(async (ids: readonly string[], options: Options, self: Command) => {
        const setting = settingOf(self);
        const filter = filterFor(ids, options);
        await withMillrace(setting, 'optional', (millrace) =>
          act(millrace, verb, filter, options, setting),
        );
      });
  }
}

/** By id it is done at once; a filter may match more than was meant. */
function filterFor(ids: readonly string[], options: Options): BulkFilter {
  if (ids.length > 0) return { ids, ...filterOf(options), ...(options.all && { all: true }) };
  const filter = { ...filterOf(options), ...(options.all && { all: true }) } satisfies BulkFilter;
  if (Object.keys(filter).length === 0) {
    throw new MillraceError(
      'MILLRACE_ARGUMENT_INVALID',
      'name the jobs: by id, by a filter such as --state discarded --kind KIND, or all of them with --all',
    );
  }
  if (options.yes !== true && options.dryRun !== true) {
    throw new MillraceError(
      'MILLRACE_ARGUMENT_INVALID',
      'say --dry-run to see how many jobs match, or --yes to do it to all of them',
    );
  }
  return filter;
}

/** What a verb did to jobs that were named. */
type Named = BulkProgress['answers'][number];

async function act(
  millrace: Millrace,
  verb: Verb,
  filter: BulkFilter,
  options: Options,
  { output }: Setting,
): Promise<void> {
  const { stop } = listenForSignals();
  const bar = progressBar();
  const answers: Named[] = [];
  const result = await millrace
    .bulk(verb.name, filter, {
      ...(await argumentsOf(millrace, filter, options)),
      signal: stop,
      onProgress(progress) {
        if (filter.ids !== undefined) answers.push(...progress.answers);
        bar.show(progress.share, inWords(verb, progress, options.dryRun === true));
      },
    })
    .finally(() => bar.clear());
  const named = filter.ids === undefined ? {} : { jobs: answers.map(flat) };
  output.answer({ ...result, ...named }, () =>
    filter.ids === undefined
      ? summary(verb, result)
      : answers.map((answer) => line(verb, answer, result.dryRun)).join('\n'),
  );
  if (!isDone(verb, result, filter)) process.exitCode = exitCodes.failed;
}

async function argumentsOf(
  millrace: Millrace,
  filter: BulkFilter,
  { reason, delay, at, payload, priority, moveTo, dryRun, chunk }: Options,
): Promise<BulkOptions> {
  return {
    ...(reason !== undefined && { reason }),
    ...(delay !== undefined && { delay: delay as NonNullable<BulkOptions['delay']> }),
    ...(at !== undefined && { scheduledAt: at }),
    ...(payload !== undefined && { payload: await payloadOf(payload, millrace, filter) }),
    ...(priority !== undefined && { priority }),
    ...(moveTo !== undefined && { moveTo }),
    ...(dryRun !== undefined && { dryRun }),
    ...(chunk !== undefined && { chunk }),
  };
}

/** As `enqueue` takes it, where the configuration knows the kind. */
async function payloadOf(written: Json, millrace: Millrace, { kind, ids }: BulkFilter) {
  const first = ids?.[0] === undefined ? null : await millrace.get(ids[0]);
  const { codec } = millrace.jobs.get(kind ?? first?.kind ?? '')?.settings ?? {};
  return codec?.fromJson === undefined ? written : codec.fromJson(written);
}

function flat({ id, answer }: Named) {
  return { id, ...answer };
}

const refusals: Readonly<Record<Exclude<VerbStatus, 'done'>, string>> = {
  requested: 'running, and asked to stop',
  running: 'running, and left alone',
  finished: 'finished, and left alone',
  conflict: 'whose unique key another job has',
  busy: 'held by somebody else just now; try again',
  missing: 'not found',
};

function inWords(
  { done }: Verb,
  { matched, counts }: Pick<BulkResult, 'matched' | 'counts'>,
  dryRun: boolean,
): string {
  const parts = Object.entries(counts).map(([status, count]) =>
    status === 'done'
      ? `${number(count)} ${dryRun ? 'would be ' : ''}${done}`
      : `${number(count)} ${refusals[status as Exclude<VerbStatus, 'done'>]}`,
  );
  return `${number(matched)} ${matched === 1 ? 'job matches' : 'jobs match'}${parts.length === 0 ? '' : `: ${parts.join(', ')}`}`;
}

function summary(verb: Verb, result: BulkResult): string {
  const text = `${inWords(verb, result, result.dryRun)}.`;
  const rest = result.dryRun ? ' Nothing was changed.' : '';
  const stopped = result.complete ? '' : style('yellow', ' Stopped before all had been looked at.');
  return `${text}${rest}${stopped}`;
}

function line({ name, done }: Verb, { id, answer }: Named, dryRun: boolean): string {
  const { status } = answer;
  if (status !== 'done') return `job ${id} is ${why(answer)}`;
  const after = answer.state === null ? done : inStateColour(answer.state, answer.state);
  if (dryRun) return `job ${id} would be ${done}; it is ${inStateColour(answer.from)}`;
  return `job ${id} was ${inStateColour(answer.from)}, is ${name === 'edit' ? done : after}`;
}

function why(answer: Exclude<VerbAnswer, { status: 'done' }>): string {
  if (answer.status === 'finished') return `${answer.state}, and left alone`;
  return answer.status === 'missing' ? 'not there' : refusals[answer.status];
}

/** Of jobs that were named each must be as asked; of those that match, only what should be tried again counts. */
function isDone({ name }: Verb, { counts, complete }: BulkResult, { ids }: BulkFilter): boolean {
  if (!complete || (counts.busy ?? 0) > 0) return false;
  if (ids === undefined) return true;
  const isEnd = name === 'cancel' || name === 'discard';
  const refused = [counts.running, counts.conflict, counts.missing, isEnd ? 0 : counts.finished];
  return refused.every((count) => (count ?? 0) === 0);
}

function number(count: number): string {
  return count.toLocaleString('en');
}
