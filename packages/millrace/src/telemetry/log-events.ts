import type { Events, EventName, JobRef } from '../core/events.ts';
import type { JobState } from '../core/job.ts';
import type { Logger } from '../core/logger.ts';
import type { EventBus } from './event-bus.ts';

type Level = 'debug' | 'info' | 'warn' | 'error';
type Line = readonly [level: Level, message: string];

/** What each event is to the reader of a log; where it depends on the event, a function says. */
const lines: { readonly [Name in EventName]: Line | ((data: Events[Name]) => Line) } = {
  'job:enqueued': ['debug', 'job enqueued'],
  'job:cancel-requested': ['info', 'a running job was asked to stop'],
  'claim:taken': ['debug', 'jobs claimed'],
  'claim:empty': ['debug', 'no job to claim'],
  'claim:failed': ['warn', 'claiming failed; it is tried again'],
  'attempt:started': ['debug', 'attempt started'],
  'attempt:finished': finished,
  'attempt:result-dropped': ['warn', 'the job completed, but its result cannot be kept'],
  'settle:written': ['debug', 'outcomes written'],
  'settle:refused': ['warn', 'an outcome came too late: the job had moved on'],
  'settle:unknown': ['info', 'the job has moved on, perhaps by an outcome whose answer was lost'],
  'settle:retried': ['warn', 'outcomes could not be written; they are kept and tried again'],
  'worker:started': ['info', 'worker started'],
  'worker:stopped': ['info', 'worker stopped'],
  'worker:renewed': ['warn', 'the worker took a new identity'],
  'worker:heartbeat-failed': ['warn', 'the heartbeat failed; it is tried again'],
  'session:pooled': [
    'warn',
    'the connection goes through a pooler: the jobs of a killed worker start elsewhere after up to 15 s instead of 2, and ' +
      'jobs are found by polling, once a second. To have both back, give `directConnection` a connection that goes to ' +
      'PostgreSQL itself',
  ],
  'listener:lost': ['warn', 'notifications are lost; jobs are found by polling'],
  'listener:ready': ['info', 'notifications arrive'],
  'jobs:unserved': ({ newerVersion }) => [
    'warn',
    newerVersion === null
      ? 'jobs wait that no running worker would take: start one that handles their kind and serves their queue'
      : 'jobs wait whose payload is newer than what any running worker knows: start workers of the newer deploy',
  ],
  'queue:paused': ['info', 'queue paused'],
  'queue:resumed': ['info', 'queue resumed'],
  'kind:held': ({ held }) =>
    held
      ? ['warn', 'a flag holds jobs of a kind back']
      : ['info', 'a flag lets jobs of a kind run again'],
  'flag:failed': ['warn', 'a flag could not be evaluated; the last known answer holds'],
  'worker:died': ['warn', 'a worker was found dead'],
  'worker:blocked': ({ jobs }) => [
    'warn',
    `the event loop of another process is blocked; it runs ${named(jobs)}`,
  ],
  'job:rescued': rescued,
  'suspect:waiting': ['info', 'a job that may have ended its process waits to run alone'],
  'suspect:put-off': ['info', 'others ran for too long; the job is to run alone later'],
  'schedule:fired': ['info', 'schedule fired'],
  'schedule:skipped': ['warn', 'missed fire times were let go'],
  'schedule:failed': ['error', 'a schedule failed; it is tried again'],
  'partition:created': ['info', 'partition created'],
  'partition:dropped': ['info', 'partition dropped'],
  'loop:blocked': ({ durationMs, jobs }) => [
    'warn',
    `the event loop was blocked for ${durationMs} ms while this ran: ${named(jobs)}; such work must give way to the event loop now and then, or run in another process or thread`,
  ],
  'loop:unwatched': [
    'warn',
    'nobody watches the event loop: blocked for long, it will look like a frozen process, and its jobs will run elsewhere',
  ],
  'loop:failed': ['error', 'something failed in the background; it goes on'],
  'events:dropped': ['warn', 'a subscriber was too slow; events were dropped'],
};

/** A failure that will be tried again is a warning, one that ends a job an error. */
function finished({ state, error }: Events['attempt:finished']): Line {
  const ends: Partial<Record<JobState, Line>> = {
    completed: ['info', 'attempt completed'],
    cancelled: ['info', 'attempt cancelled'],
    discarded: ['error', 'job discarded'],
  };
  return ends[state] ?? (error === null ? ['info', 'job handed back'] : ['warn', 'attempt failed']);
}

/** So many jobs are named in a line of the log; the event has them all. */
const mostNamed = 10;

function named(jobs: readonly JobRef[]): string {
  if (jobs.length === 0) return 'no job';
  const names = jobs.slice(0, mostNamed).map(({ kind, id }) => `${kind} ${id}`);
  const more = jobs.length - names.length;
  return more > 0 ? `${names.join(', ')} and ${more} more` : names.join(', ');
}

function rescued({ state }: Events['job:rescued']): Line {
  if (state !== 'discarded') return ['warn', 'a job was taken from a dead worker'];
  return [
    'error',
    'a job keeps ending its process and was quarantined; find out why, for example a lack of memory, then retry it',
  ];
}

/** Writes every event to the log: the first subscriber. */
export function logEvents(bus: EventBus, logger: Logger): () => void {
  return bus.subscribe(
    ({ name, data }) => {
      const [level, message] = lineOf(name, data);
      logger[level]({ event: name, ...data }, message);
    },
    'logger',
    (name, data) => logger.isLevelEnabled?.(lineOf(name, data)[0]) ?? true,
  );
}

function lineOf(name: EventName, data: Events[EventName]): Line {
  const entry = lines[name] as Line | ((data: Events[EventName]) => Line);
  return typeof entry === 'function' ? entry(data) : entry;
}
