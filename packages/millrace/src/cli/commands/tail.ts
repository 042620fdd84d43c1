import type { Command } from 'commander';
import { formatDuration } from '../../core/duration.ts';
import type { JobState } from '../../core/job.ts';
import type { JobActivity } from '../../core/operator/activity.ts';
import { settingOf, withMillrace } from '../open.ts';
import { inStateColour, printable, style } from '../output.ts';

interface Options {
  readonly kind?: string;
  readonly queue?: string;
}

export function addTail(program: Command): void {
  program
    .command('tail')
    .description(
      'follow what happens to jobs in the whole database until SIGINT or SIGTERM; with --json one document a line',
    )
    .option('--kind <kind>', 'only jobs of this kind')
    .option('--queue <queue>', 'only jobs of this queue')
    .action(async ({ kind, queue }: Options, command: Command) => {
      const setting = settingOf(command);
      const signal = untilAsked();
      await withMillrace(setting, 'optional', async (millrace) => {
        const activities = millrace.tail({
          signal,
          ...(kind !== undefined && { kind }),
          ...(queue !== undefined && { queue }),
        });
        for await (const activity of activities) {
          setting.output.line(activity, () => show(activity));
        }
      });
    });
}

/** Asked by a signal, or by a reader such as `head` that has seen enough. */
function untilAsked(): AbortSignal {
  const asked = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => asked.abort());
  process.stdout.on('error', () => asked.abort());
  return asked.signal;
}

const states: Readonly<Record<JobActivity['event'], JobState>> = {
  enqueued: 'available',
  started: 'running',
  failed: 'retryable',
  crashed: 'discarded',
  completed: 'completed',
  cancelled: 'cancelled',
  discarded: 'discarded',
};

function show({
  at,
  event,
  id,
  kind,
  queue,
  attempt,
  worker,
  durationMs,
  reason,
  error,
}: JobActivity): string {
  const facts = [
    queue === null ? null : `queue ${queue}`,
    attempt === 0 ? null : `attempt ${attempt}`,
    durationMs === null ? null : formatDuration(durationMs),
    worker === null ? null : `on ${worker}`,
  ].filter((fact) => fact !== null);
  const why = error === null ? (reason ?? '') : `${error.name}: ${error.message}`;
  return [
    style('dim', at.toISOString()),
    inStateColour(states[event], event.padEnd(9)),
    printable(`${kind ?? 'unknown'} ${id}`),
    style('dim', printable(facts.join(', '))),
    // An error may have many lines; this is one.
    printable(why).replaceAll(/\s+/g, ' '),
  ]
    .filter((part) => part !== '')
    .join('  ');
}
