import type { Command } from 'commander';
import { formatDuration } from '../../core/duration.ts';
import type { JobCount, QueueInfo } from '../../core/operator/overview.ts';
import { systemTime } from '../../system-clock.ts';
import { settingOf, withMillrace } from '../open.ts';
import {
  count,
  inStateColour,
  perMinute,
  printable,
  relativeTime,
  style,
  table,
} from '../output.ts';
import { addQueuesPause } from './queues-pause.ts';
import { addQueuesResume } from './queues-resume.ts';

export function addQueues(program: Command): void {
  const queues = program
    .command('queues')
    .description(
      'list the queues: jobs by state, the oldest due job, the rate, live workers; pause and resume them',
    )
    .action(async (_options: object, command: Command) => {
      const setting = settingOf(command);
      await withMillrace(setting, 'optional', async (millrace) => {
        const all = await millrace.queues();
        setting.output.answer({ queues: all }, () => show(all));
      });
    });
  addQueuesPause(queues);
  addQueuesResume(queues);
}

const head = [
  'queue',
  'available',
  'running',
  'scheduled',
  'retryable',
  'oldest due',
  'finished/min',
  'workers',
  'paused',
];

function show(queues: readonly QueueInfo[]): string {
  if (queues.length === 0) return 'No queues: there are no unfinished jobs and no workers.';
  const nowMs = systemTime().getTime();
  const rows = queues.map((queue) => [
    printable(queue.queue),
    inStateColour('available', count(queue.available)),
    inStateColour('running', orUnknown(queue.running)),
    inStateColour('scheduled', count(queue.scheduled)),
    inStateColour('retryable', orUnknown(queue.retryable)),
    oldestDue(queue),
    perMinute(queue.finishedPerMinute),
    queue.workers === 0 ? style('red', 'none') : String(queue.workers),
    paused(queue, nowMs),
  ]);
  const note = queues.some(({ running }) => running === null) ? `\n\n${givenUp}` : '';
  return table(head, rows) + note;
}

const givenUp =
  'Counting was given up after 200 ms: what is to be read is not at hand, or rows of finished jobs that cannot be vacuumed yet are in ' +
  'the way. `millrace doctor` says whether anything holds them.';

function oldestDue({ oldestDueMs, running }: QueueInfo): string {
  if (oldestDueMs !== null) return formatDuration(oldestDueMs);
  return running === null ? '?' : '-';
}

function orUnknown(jobs: JobCount | null): string {
  return jobs === null ? '?' : count(jobs);
}

function paused({ paused: pause }: QueueInfo, nowMs: number): string {
  if (pause === null) return '-';
  const since = relativeTime(pause.at, nowMs);
  return style('yellow', `${since} by ${printable(pause.by)}: ${printable(pause.reason)}`);
}
