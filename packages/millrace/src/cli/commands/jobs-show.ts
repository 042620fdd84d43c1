import type { Command } from 'commander';
import { formatDuration } from '../../core/duration.ts';
import { MillraceError } from '../../core/errors.ts';
import type { AttemptError, AttemptRecord, Job, LogLine } from '../../core/job.ts';
import type { JobProgress } from '../../core/progress.ts';
import type { Json } from '../../core/json.ts';
import { systemTime } from '../../system-clock.ts';
import { settingOf, withMillrace } from '../open.ts';
import {
  inPlaceOfCiphertext,
  inStateColour,
  printable,
  properties,
  relativeTime,
  style,
} from '../output.ts';

export function addJobsShow(jobs: Command): void {
  jobs
    .command('show')
    .description('show a job with its payload, attempts and result')
    .argument('<id>', 'as enqueue and list print it')
    .action(async (id: string, _options: object, command: Command) => {
      const setting = settingOf(command);
      await withMillrace(setting, 'optional', async (millrace) => {
        const job = await millrace.get(id);
        if (job === null)
          throw new MillraceError('MILLRACE_JOB_NOT_FOUND', `there is no job ${id}`);
        setting.output.answer(job, () => show(job, systemTime().getTime()));
      });
    });
}

function show(job: Job, nowMs: number): string {
  const parts = [
    `Job ${job.id}  ${style('bold', printable(job.kind))}  ${inStateColour(job.state)}`,
    facts(job, nowMs),
    section('Payload', json(job.payload)),
  ];
  if (job.attempts.length > 0) {
    parts.push(
      section('Attempts', job.attempts.map((record) => attempt(record, nowMs)).join('\n')),
    );
  }
  if (job.result !== null) parts.push(section('Result', json(job.result)));
  return parts.join('\n');
}

function facts(job: Job, nowMs: number): string {
  const time = (at: Date | null) =>
    at === null ? null : `${at.toISOString()} (${relativeTime(at, nowMs)})`;
  return properties([
    ['queue', printable(job.queue)],
    ['priority', String(job.priority)],
    ['attempt', `${job.attempt} of ${job.maxAttempts}`],
    ['progress', job.progress === null ? null : progress(job.progress, job, nowMs)],
    ['crashes', job.crashes === 0 ? null : String(job.crashes)],
    ['tags', job.tags.length === 0 ? null : printable(job.tags.join(', '))],
    ['unique key', job.uniqueKey === null ? null : printable(job.uniqueKey)],
    ['created', time(job.createdAt)],
    ['due', time(job.scheduledAt)],
    ['claimed', time(job.claimedAt)],
    ['finished', time(job.finishedAt)],
    ['reason', job.reason === null ? null : printable(job.reason)],
    ['cancelling', job.cancelRequested ? 'asked for' : null],
  ]);
}

function progress(said: JobProgress, job: Job, nowMs: number): string {
  const { percent, note, reportedAt } = said;
  const of = said.attempt === job.attempt ? '' : `, in attempt ${said.attempt}`;
  const words = note === null ? '' : ` ${printable(note)}`;
  return `${Math.round(percent * 10) / 10} %${words} (${relativeTime(reportedAt, nowMs)}${of})`;
}

function section(title: string, body: string): string {
  return `\n${style('bold', title)}\n${indent(body)}`;
}

function attempt(
  { attempt: no, ending, startedAt, endedAt, worker, error, logs }: AttemptRecord,
  nowMs: number,
): string {
  const took =
    startedAt === null ? '' : ` after ${formatDuration(endedAt.getTime() - startedAt.getTime())}`;
  const place = worker === null ? '' : ` on ${printable(worker)}`;
  const how = style(ending === 'completed' ? 'green' : 'red', ending);
  const head = `${no}. ${how} ${relativeTime(endedAt, nowMs)}${took}${place}`;
  const body = [...(error === null ? [] : [describe(error)]), ...logs.map(logLine)];
  return [head, ...body.map(indent)].join('\n');
}

function logLine({ at, level, message, details }: LogLine): string {
  const rest = JSON.stringify(details);
  const line = `${at.toISOString()} ${level.padEnd(5)} ${printable(message)}`;
  return rest === '{}' ? line : `${line} ${style('dim', printable(rest))}`;
}

/** A stack begins with name and message already. */
function describe({ name, message, stack, cause }: AttemptError): string {
  const own = printable(
    stack?.includes(message) === true ? stack : `${name}: ${message}\n${stack ?? ''}`.trim(),
  );
  return cause === undefined ? own : `${own}\ncaused by ${describe(cause)}`;
}

function json(value: Json): string {
  return inPlaceOfCiphertext(value) ?? printable(JSON.stringify(value, null, 2));
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
