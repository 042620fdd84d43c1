import type { Command } from 'commander';
import type { Duration } from '../../core/duration.ts';
import type { Job } from '../../core/job.ts';
import type { JobPage } from '../../core/operator/job-search.ts';
import { systemTime } from '../../system-clock.ts';
import { wholeNumber } from '../arguments.ts';
import { addFilter, filterOf, type FilterArguments } from '../job-filter.ts';
import { settingOf, withMillrace } from '../open.ts';
import { inStateColour, printable, relativeTime, style, table } from '../output.ts';

interface Options extends FilterArguments {
  readonly limit?: number;
  readonly cursor?: string;
  readonly budget?: string;
}

export function addJobsList(jobs: Command): void {
  addFilter(
    jobs
      .command('list')
      .description('list jobs, newest first; by time of finishing with --finished-since or -until'),
  )
    .option('--limit <number>', 'at most this many (default: 50)', wholeNumber)
    .option('--cursor <cursor>', 'go on where an earlier page ended')
    .option('--budget <duration>', 'stop searching after so long (default: 300ms)')
    .action(async ({ limit, cursor, budget, ...filter }: Options, command: Command) => {
      const setting = settingOf(command);
      await withMillrace(setting, 'optional', async (millrace) => {
        const page = await millrace.list({
          ...filterOf(filter),
          ...(limit !== undefined && { limit }),
          ...(cursor !== undefined && { cursor }),
          ...(budget !== undefined && { budget: budget as Duration }),
        });
        setting.output.answer(page, () => show(page));
      });
    });
}

function show(page: JobPage): string {
  const { jobs, cursor } = page;
  const nowMs = systemTime().getTime();
  const rows = jobs.map((job) => [
    job.id,
    printable(job.kind),
    inStateColour(job.state),
    printable(job.queue),
    `${job.attempt}/${job.maxAttempts}`,
    when(job, nowMs),
  ]);
  const lines =
    jobs.length === 0 ? [] : [table(['id', 'kind', 'state', 'queue', 'attempt', 'when'], rows)];
  if (page.searchedTo !== null) lines.push(style('yellow', `${stoppedAt(page.searchedTo)}.`));
  else if (jobs.length === 0) lines.push('No jobs.');
  if (cursor !== null) lines.push(style('dim', `more: --cursor ${cursor}`));
  return lines.join('\n');
}

function stoppedAt(searchedTo: NonNullable<JobPage['searchedTo']>): string {
  return 'id' in searchedTo
    ? `The time was over; searched from the newest job down to ${searchedTo.id}`
    : `The time was over; searched back to ${searchedTo.finishedAt.toISOString()}`;
}

/** The time that says most about a job in its state. */
function when({ state, finishedAt, claimedAt, scheduledAt }: Job, nowMs: number): string {
  if (finishedAt !== null) return relativeTime(finishedAt, nowMs);
  if (state === 'running' && claimedAt !== null) return `since ${relativeTime(claimedAt, nowMs)}`;
  return `due ${relativeTime(scheduledAt, nowMs)}`;
}
