import type { Command } from 'commander';
import { formatDuration } from '../../core/duration.ts';
import { jobStates } from '../../core/job.ts';
import type { KindStats, Stats, Throughput } from '../../core/operator/overview.ts';
import { settingOf, withMillrace } from '../open.ts';
import { count, inStateColour, perMinute, printable, style, table } from '../output.ts';

export function addStats(program: Command): void {
  program
    .command('stats')
    .description('count jobs by state and what finished lately by kind, with run times')
    .action(async (_options: object, command: Command) => {
      const setting = settingOf(command);
      await withMillrace(setting, 'optional', async (millrace) => {
        const stats = await millrace.stats();
        setting.output.answer(stats, () => show(stats));
      });
    });
}

function show(stats: Stats): string {
  const states = table(
    ['state', 'jobs'],
    jobStates.map((state) => [inStateColour(state), count(stats.jobs[state])]),
  );
  const { overMs } = stats.lastHour;
  if (stats.kinds.length === 0) return `${states}\n\nNothing finished in the last hour.`;
  // Where very much finishes, an hour is more than is looked at.
  const span = overMs === 3_600_000 ? 'the last hour' : `the last ${formatDuration(overMs)}`;
  const kinds = table(
    [
      'kind',
      'last minute',
      'per minute',
      'completed',
      'discarded',
      'cancelled',
      'failed attempts',
      'p50',
      'p95',
    ],
    [...stats.kinds.map(kindRow), totalRow(stats)],
  );
  return `${states}\n\n${style('bold', `Finished in ${span}`)}\n${kinds}`;
}

function kindRow({ kind, lastMinute, lastHour, runMs }: KindStats): string[] {
  return [
    ...rates(printable(kind), lastMinute, lastHour),
    runMs === null ? '-' : formatDuration(runMs.p50),
    runMs === null ? '-' : formatDuration(runMs.p95),
  ];
}

function totalRow({ lastMinute, lastHour }: Stats): string[] {
  return rates(style('bold', 'all'), lastMinute, lastHour);
}

function rates(name: string, minute: Throughput, hour: Throughput): string[] {
  return [
    name,
    perMinute(rate(minute)),
    perMinute(rate(hour)),
    inStateColour('completed', String(hour.completed)),
    hour.discarded === 0 ? '0' : inStateColour('discarded', String(hour.discarded)),
    String(hour.cancelled),
    String(hour.failedAttempts),
  ];
}

function rate({ completed, cancelled, discarded, overMs }: Throughput): number {
  return ((completed + cancelled + discarded) * 60_000) / overMs;
}
