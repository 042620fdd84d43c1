import type { Survivor } from './report.ts';

type Mutants = Readonly<Record<string, readonly (readonly [code: string, becomes: string])[]>>;

/** Why mutants may survive: each reason, with the mutants of each file that it holds for. */
const reasons: Readonly<Record<string, Mutants>> = {
  'the `catch` around it, which is there for worse values, answers the same': {
    'core/attempt-error.ts': [['value === null', 'false']],
    'core/outcome.ts': [
      ["typeof value === 'object' && value !== null", 'true'],
      [
        "typeof value === 'object' && value !== null",
        "typeof value === 'object' || value !== null",
      ],
      ["typeof value === 'object'", 'true'],
      ['value !== null', 'true'],
    ],
    'core/schedule-spec.ts': [
      ['times?.spec', 'times.spec'],
      ['expression === undefined || timeZone === undefined', 'false'],
      [
        'expression === undefined || timeZone === undefined',
        'expression === undefined && timeZone === undefined',
      ],
      ['expression === undefined', 'false'],
      ['timeZone === undefined', 'false'],
    ],
  },
  'a function that ends without `return` answers undefined as well': {
    'core/attempt-error.ts': [['{ return undefined; }', '{}']],
    'core/outcome.ts': [
      [
        '{ // A proxy may refuse to be looked at; whatever it is, it is no request. return undefined; }',
        '{}',
      ],
    ],
    'core/text.ts': [['{ return undefined; }', '{}']],
  },
  'whether the property is there is asked, never what it holds': {
    'core/isolation.ts': [
      ['{ value: true }', '{}'],
      ['true', 'false'],
    ],
    'core/outcome.ts': [['true', 'false']],
  },
  'the room that is kept for labels is greater than they can need': {
    'core/attempt-error.ts': [
      ['maxCauses + 1', 'maxCauses - 1'],
      ['2 * labelBytes + frameBytes', '2 * labelBytes - frameBytes'],
    ],
  },
  '`captureStackTrace` always sets `stack`; the compiler cannot know': {
    'core/caller-module.ts': [['holder.stack?.[0]', 'holder.stack[0]']],
  },
  'the listener is taken away by hand as well': {
    'core/clock.ts': [
      ['{ once: true }', '{}'],
      ['true', 'false'],
    ],
  },
  'the prefix stands nowhere else in the messages of the library': {
    'core/cron.ts': [['/^CronPattern: /', '/CronPattern: /']],
  },
  'without a function to call the library keeps no timer either way': {
    'core/cron.ts': [['true', 'false']],
  },
  'the text `undefined` is no SQLSTATE, so the next check refuses it': {
    'core/database-error.ts': [['code === undefined', 'false']],
  },
  'it stands for a missing text, which is compared with patterns that it does not match either': {
    'core/database-error.ts': [["''", '"Stryker was here!"']],
  },
  'no other event has a `loop`, and a loop without a name is not watched': {
    'core/health.ts': [["name === 'loop:failed'", 'true']],
  },
  'after a stop the pause that follows ends at once': {
    'core/loop.ts': [['!stopped.aborted', 'true']],
  },
  'in the first column the least of the three is what stands there already': {
    'core/options.ts': [
      ['j > 0', 'true'],
      ['j > 0', 'j >= 0'],
    ],
  },
  'either way it is refused, by the check of durations or by that of dates': {
    'core/operator/options.ts': [
      ["typeof value === 'string'", 'true'],
      [String.raw`/^\d+(\.\d+)?[a-z]+$/`, String.raw`/\d+(\.\d+)?[a-z]+$/`],
      [String.raw`/^\d+(\.\d+)?[a-z]+$/`, String.raw`/^\d+(\.\d+)?[a-z]+/`],
    ],
  },
  'of the parts the first is passed by, and no other is there': {
    'core/schedule-spec.ts': [['[]', '["Stryker was here"]']],
  },
  'what reads back as another spec is refused two lines above': {
    'core/schedule-spec.ts': [
      [String.raw`/^every (\d+)ms$/`, String.raw`/every (\d+)ms$/`],
      [String.raw`/^every (\d+)ms$/`, String.raw`/^every (\d+)ms/`],
      [String.raw`/^cron (.+) (\S+)$/`, String.raw`/cron (.+) (\S+)$/`],
      [String.raw`/^cron (.+) (\S+)$/`, String.raw`/^cron (.+) (\S+)/`],
    ],
  },
  'null compares as 0, and fire times lie after 1970': {
    'core/schedule.ts': [
      ['letGo !== null', 'true'],
      ['latest === null', 'false'],
    ],
  },
  'a fire time in those two milliseconds is late, and covers all that was missed': {
    'core/schedule.ts': [['lateFrom - 1', 'lateFrom + 1']],
  },
  'a window of nothing holds no fire time': {
    'core/schedule.ts': [['rule.windowMs === 0', 'false']],
  },
  'what is one too many is cut off by the caller': {
    'core/schedule.ts': [['found.length < maxFiresPerPass', 'found.length <= maxFiresPerPass']],
  },
  '`String` makes of a text the same text': {
    'core/text.ts': [
      ["typeof value === 'string'", 'false'],
      ["'string'", '""'],
    ],
  },
  'it only bounds what is looked at; what is answered is cut to the same length': {
    'core/text.ts': [['text .slice(0, maxBytes + 1)', 'text']],
  },
  'the groups are there whenever the pattern matches; the compiler cannot know': {
    'core/trace-context.ts': [["''", '"Stryker was here!"']],
  },
};

/** Undefined: nobody has judged it. */
export function reasonOf({ file, code, becomes }: Survivor): string | undefined {
  return Object.entries(reasons).find(([, mutants]) =>
    mutants[file]?.some(([from, to]) => from === code && to === becomes),
  )?.[0];
}
