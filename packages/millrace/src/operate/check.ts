import type { AnyJobDefinition } from '../core/job-definition.ts';
import type { Schedule } from '../core/schedule-options.ts';
import type { Finding } from '../core/operator/finding.ts';

/** A schedule and the kind that it makes jobs of. */
interface Owned {
  readonly kind: string;
  readonly schedule: Schedule;
}

/** What is wrong with definitions and schedules that can be seen without a database, at this moment. */
export function checkDefinitions(
  jobs: ReadonlyMap<string, AnyJobDefinition>,
  nowMs: number,
): readonly Finding[] {
  if (jobs.size === 0) {
    return [
      {
        severity: 'warning',
        check: 'definitions',
        message: 'The configuration has no job definitions, so nothing can be enqueued or run.',
        mend: 'List them in `jobs` of createMillrace.',
      },
    ];
  }
  const definitions = [...jobs.values()];
  const owned = definitions.flatMap(({ kind, settings }) =>
    settings.schedules.map((schedule) => ({ kind, schedule })),
  );
  return [
    ...withoutHandler(definitions),
    ...sameName(owned),
    ...owned.flatMap((each) => firesNever(each, nowMs)),
  ];
}

function withoutHandler(definitions: readonly AnyJobDefinition[]): Finding[] {
  return definitions
    .filter(({ settings }) => settings.handler === undefined)
    .map(({ kind, settings }) => ({
      severity: 'warning',
      check: 'handlers',
      message:
        settings.schedules.length === 0
          ? `'${kind}' has no handler here; its jobs wait unless another process has one.`
          : `'${kind}' has a schedule but no handler here; its jobs pile up unless another process has one.`,
      mend: 'Give the definition a handler, or pass one made by `definition.handle(…)` to createWorker.',
    }));
}

/** The database knows one schedule by a name: of two, each would overwrite the other. */
function sameName(owned: readonly Owned[]): Finding[] {
  const kindsByName = Map.groupBy(owned, ({ schedule }) => schedule.name);
  return [...kindsByName]
    .filter(([, holders]) => holders.length > 1)
    .map(([name, holders]) => ({
      severity: 'problem',
      check: 'schedules',
      message: `The schedules of ${holders.map(({ kind }) => `'${kind}'`).join(' and ')} are both called '${name}', and only one of them would fire.`,
      mend: 'Give each schedule a `name` of its own.',
    }));
}

function firesNever({ kind, schedule }: Owned, nowMs: number): Finding[] {
  if (schedule.times.next(nowMs, nowMs) !== null) return [];
  return [
    {
      severity: 'problem',
      check: 'schedules',
      message: `The schedule '${schedule.name}' of '${kind}' (${schedule.times.spec}) has no fire time any more.`,
      mend: 'Correct its cron expression, or remove the schedule.',
    },
  ];
}
