import type { Command } from 'commander';
import { formatDuration } from '../../core/duration.ts';
import type { DeadWorker, WorkerInfo } from '../../core/operator/overview.ts';
import { systemTime } from '../../system-clock.ts';
import { settingOf, withMillrace } from '../open.ts';
import { printable, readableSpec, relativeTime, style, table } from '../output.ts';

export function addWorkers(program: Command): void {
  program
    .command('workers')
    .description(
      'list the live workers and schedulers: what they serve and run, blocked event loops',
    )
    .option('--dead', 'also those that died in the last day, and of what')
    .action(async ({ dead: withDead }: { readonly dead?: true }, command: Command) => {
      const setting = settingOf(command);
      await withMillrace(setting, 'optional', async (millrace) => {
        const { live, dead } = await millrace.workers();
        const nowMs = systemTime().getTime();
        setting.output.answer(withDead === true ? { live, dead } : { live }, () =>
          [showLive(live, nowMs), ...(withDead === true ? ['', showDead(dead, nowMs)] : [])].join(
            '\n',
          ),
        );
      });
    });
}

function showLive(workers: readonly WorkerInfo[], nowMs: number): string {
  if (workers.length === 0) return 'No live workers.';
  return table(
    [
      'process',
      'role',
      'version',
      'mode',
      'running',
      'queues',
      'kinds',
      'started',
      'last beat',
      'state',
    ],
    workers.map((worker) => [
      printable(`${worker.host}:${worker.pid}`),
      worker.role,
      printable(worker.version),
      worker.mode,
      running(worker),
      few(worker.queues),
      worker.role === 'worker' ? few(worker.kinds) : few(worker.schedules.map(readableSchedule)),
      relativeTime(new Date(worker.startedAt), nowMs),
      `${formatDuration(Math.max(0, worker.silentMs))} ago`,
      state(worker, nowMs),
    ]),
  );
}

function running({ role, running: jobs, concurrency }: WorkerInfo): string {
  if (role === 'scheduler') return '-';
  return concurrency === null ? String(jobs) : `${jobs}/${concurrency}`;
}

const shown = 4;

/** A process may serve a hundred kinds; `--json` has them all. */
function few(names: readonly string[]): string {
  if (names.length === 0) return '-';
  const rest = names.length > shown ? ` and ${names.length - shown} more` : '';
  return `${printable(names.slice(0, shown).join(', '))}${rest}`;
}

/** Name and times stand in one text. */
function readableSchedule(schedule: string): string {
  return schedule.replace(/every \d+ms$/, readableSpec);
}

function state({ blocked, aloneJobId, heldKinds }: WorkerInfo, nowMs: number): string {
  const parts = [
    ...(blocked === null ? [] : [style('red', blockedBy(blocked, nowMs))]),
    ...(aloneJobId === null ? [] : [style('yellow', `runs suspect ${aloneJobId} alone`)]),
    ...(heldKinds.length === 0 ? [] : [style('yellow', `holds ${few(heldKinds)}`)]),
  ];
  return parts.length === 0 ? 'ok' : parts.join('; ');
}

function blockedBy({ since, jobs }: NonNullable<WorkerInfo['blocked']>, nowMs: number): string {
  const by = jobs.map(({ id, kind }) => `${kind} ${id}`);
  const why = by.length === 0 ? '' : `, running ${few(by)}`;
  return `event loop blocked since ${relativeTime(since, nowMs)}${why}`;
}

function showDead(workers: readonly DeadWorker[], nowMs: number): string {
  if (workers.length === 0) return 'Nobody died in the last day.';
  return table(
    ['process', 'died', 'reason', 'alone with'],
    workers.map(({ host, pid, diedAt, reason, aloneJobId }) => [
      host === null || pid === null ? 'unknown' : printable(`${host}:${pid}`),
      relativeTime(diedAt, nowMs),
      style('red', printable(reason)),
      aloneJobId === null ? '-' : `job ${aloneJobId}`,
    ]),
  );
}
