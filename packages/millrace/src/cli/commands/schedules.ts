import type { Command } from 'commander';
import type { ScheduleInfo } from '../../core/operator/overview.ts';
import { systemTime } from '../../system-clock.ts';
import { wholeNumber } from '../arguments.ts';
import { operatorName, settingOf, withMillrace } from '../open.ts';
import { inStateColour, printable, readableSpec, relativeTime, style, table } from '../output.ts';

export function addSchedules(program: Command): void {
  const schedules = program
    .command('schedules')
    .description('list the schedules: next and last fire times, pauses; pause, resume and run them')
    .option('--next <number>', 'how many of the next fire times to show (default: 1)', wholeNumber)
    .action(async ({ next }: { readonly next?: number }, command: Command) => {
      const setting = settingOf(command);
      await withMillrace(setting, 'optional', async (millrace) => {
        const all = await millrace.schedules({ ...(next !== undefined && { next }) });
        setting.output.answer({ schedules: all }, () => show(all));
      });
    });
  addPause(schedules);
  addResume(schedules);
  addRun(schedules);
}

interface PauseOptions {
  readonly reason: string;
  readonly by?: string;
}

function addPause(schedules: Command): void {
  schedules
    .command('pause')
    .description('let a schedule fire nothing until it is resumed; what passes meanwhile is let go')
    .argument('<name>', 'as the list shows it')
    .requiredOption('--reason <text>', 'why; others will read it')
    .option('--by <name>', 'who asks (default: your user here)')
    .action(async (name: string, { reason, by }: PauseOptions, command: Command) => {
      const setting = settingOf(command);
      await withMillrace(setting, 'optional', async (millrace) => {
        const answer = await millrace.pauseSchedule(name, { reason, by: by ?? operatorName() });
        setting.output.answer(answer, () =>
          answer.status === 'paused'
            ? `paused schedule ${printable(name)}`
            : `schedule ${printable(name)} is paused already; that pause stays as it was`,
        );
      });
    });
}

function addResume(schedules: Command): void {
  schedules
    .command('resume')
    .description('let a paused schedule fire again, from its next fire time on')
    .argument('<name>', 'as the list shows it')
    .action(async (name: string, _options: object, command: Command) => {
      const setting = settingOf(command);
      await withMillrace(setting, 'optional', async (millrace) => {
        const answer = await millrace.resumeSchedule(name);
        setting.output.answer(answer, () =>
          answer.status === 'resumed'
            ? `resumed schedule ${printable(name)}`
            : `schedule ${printable(name)} was not paused`,
        );
      });
    });
}

function addRun(schedules: Command): void {
  schedules
    .command('run')
    .description('enqueue a job of a schedule of the configuration now; its fire times stay')
    .argument('<name>', 'as the list shows it')
    .option('--by <name>', 'who asks (default: your user here)')
    .action(async (name: string, { by }: { readonly by?: string }, command: Command) => {
      const setting = settingOf(command);
      await withMillrace(setting, 'required', async (millrace) => {
        const { id } = await millrace.fireSchedule(name, { by: by ?? operatorName() });
        setting.output.answer({ id }, () => `enqueued job ${id}`);
      });
    });
}

function show(schedules: readonly ScheduleInfo[]): string {
  if (schedules.length === 0) return 'No schedules: no scheduler has brought any.';
  const nowMs = systemTime().getTime();
  return table(
    [
      'schedule',
      'kind',
      'times',
      'next',
      'last fired',
      'last job',
      'skipped',
      'last asked for',
      'state',
    ],
    schedules.map((schedule) => [
      printable(schedule.name),
      printable(schedule.kind),
      printable(readableSpec(schedule.spec)),
      schedule.nextFires.map((at) => relativeTime(at, nowMs)).join(', ') || '-',
      schedule.lastFire === null ? '-' : relativeTime(schedule.lastFire, nowMs),
      lastJob(schedule),
      schedule.skipped === 0 ? '-' : style('yellow', String(schedule.skipped)),
      lastRun(schedule, nowMs),
      state(schedule, nowMs),
    ]),
  );
}

function lastJob({ lastJob: job }: ScheduleInfo): string {
  if (job === null) return '-';
  return job.state === null ? job.id : `${job.id} ${inStateColour(job.state)}`;
}

function lastRun({ lastRun: run }: ScheduleInfo, nowMs: number): string {
  return run === null ? '-' : `${relativeTime(run.at, nowMs)} by ${printable(run.by)}`;
}

function state({ paused, known, overdue }: ScheduleInfo, nowMs: number): string {
  const passed = overdue === 0 ? '' : `, ${overdue} passed`;
  if (paused !== null) {
    const who = `${printable(paused.by)}: ${printable(paused.reason)}`;
    return style('yellow', `paused ${relativeTime(paused.at, nowMs)} by ${who}${passed}`);
  }
  return known ? 'fires' : style('red', `no scheduler${passed}`);
}
