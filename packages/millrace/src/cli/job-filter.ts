import type { Command } from 'commander';
import { jobStates, type JobState } from '../core/job.ts';
import type { Json } from '../core/json.ts';
import type { JobFilterOptions } from '../core/operator/options.ts';
import { json, listOf } from './arguments.ts';

/** The options that name jobs by what they have in common. */
export interface FilterArguments {
  readonly state?: readonly JobState[];
  readonly kind?: string;
  readonly queue?: string;
  readonly tag?: string;
  readonly payloadContains?: Json;
  readonly errorContains?: string;
  readonly olderThan?: string;
  readonly newerThan?: string;
  readonly finishedSince?: string;
  readonly finishedUntil?: string;
}

export function addFilter(command: Command): Command {
  return command
    .option('--state <states>', `with commas between: ${jobStates.join(', ')}`, listOf(jobStates))
    .option('--kind <kind>', 'only jobs of this kind')
    .option('--queue <queue>', 'only jobs of this queue')
    .option('--tag <tag>', 'only jobs with this tag')
    .option('--payload-contains <json>', `only such payloads, as in '{"userId":7}'`, json)
    .option('--error-contains <text>', 'only where the error of the last attempt says this')
    .option('--older-than <duration>', 'only jobs enqueued longer ago, such as 30m, 12h, 7d')
    .option('--newer-than <duration>', 'only jobs enqueued less long ago')
    .option(
      '--finished-since <time>',
      'only jobs finished since then: a duration ago, or a time such as 2030-01-31T12:00:00Z',
    )
    .option('--finished-until <time>', 'only jobs finished before then');
}

/** As the library takes it, which judges durations and times. */
export function filterOf({
  payloadContains,
  errorContains,
  ...rest
}: FilterArguments): JobFilterOptions {
  const { state, kind, queue, tag, olderThan, newerThan, finishedSince, finishedUntil } = rest;
  const given = {
    state,
    kind,
    queue,
    tag,
    payload: payloadContains,
    error: errorContains,
    olderThan,
    newerThan,
    finishedSince,
    finishedUntil,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
