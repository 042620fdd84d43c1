import type { Command } from 'commander';
import { jobStates, type Job, type JobState } from '../../core/job.ts';
import type { JobPage } from '../../core/operator/job-search.ts';
import { systemTime } from '../../system-clock.ts';
import { listOf, wholeNumber } from '../arguments.ts';
import { settingOf, withMillrace } from '../open.ts';
import { inStateColour, printable, relativeTime, style, table } from '../output.ts';

interface Options {
  readonly state?: readonly JobState[];
  readonly kind?: string;
  readonly queue?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

export function addJobsList(jobs: Command): void {
  jobs
    .command('list')
    .description('list jobs, newest first')
    .option('--state <states>', `with commas between: ${jobStates.join(', ')}`, listOf(jobStates))
    .option('--kind <kind>', 'only jobs of this kind')
    .option('--queue <queue>', 'only jobs of this queue')
    .option('--limit <number>', 'at most this many (default: 50)', wholeNumber)
    .option('--cursor <cursor>', 'go on where an earlier page ended')
    .action(async ({ state, kind, queue, limit, cursor }: Options, command: Command) => {
      const setting = settingOf(command);
      await withMillrace(setting, 'optional', async (millrace) => {
        const page = await millrace.list({
          ...(state !== undefined && { state }),
          ...(kind !== undefined && { kind }),
          ...(queue !== undefined && { queue }),
          ...(limit !== undefined && { limit }),
          ...(cursor !== undefined && { cursor }),
        });
        setting.output.answer(page, () => show(page));
      });
    });
}

function show({ jobs, cursor }: JobPage): string {
  if (jobs.length === 0) return 'No jobs.';
  const nowMs = systemTime().getTime();
  const rows = jobs.map((job) => [
    job.id,
    printable(job.kind),
    inStateColour(job.state),
    printable(job.queue),
    `${job.attempt}/${job.maxAttempts}`,
    when(job, nowMs),
  ]);
  const list = table(['id', 'kind', 'state', 'queue', 'attempt', 'when'], rows);
  return cursor === null ? list : `${list}\n${style('dim', `more: --cursor ${cursor}`)}`;
}

/** The time that says most about a job in its state. */
function when({ state, finishedAt, claimedAt, scheduledAt }: Job, nowMs: number): string {
  if (finishedAt !== null) return relativeTime(finishedAt, nowMs);
  if (state === 'running' && claimedAt !== null) return `since ${relativeTime(claimedAt, nowMs)}`;
  return `due ${relativeTime(scheduledAt, nowMs)}`;
}
