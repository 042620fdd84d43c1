import { describe, expect, it } from 'vitest';
import { claimedJob } from '../../../../test/helpers/worker-parts.ts';
import { defineJob, type AnyJobDefinition } from '../core/job-definition.ts';
import type { WorkerOptions } from '../core/millrace.ts';
import { Hands } from './hands.ts';
import { HeldJob, type HandledJobSettings } from './held-job.ts';
import { workerSettings } from './settings.ts';

const mail = defineJob({ kind: 'mail', queue: 'mails', handler() {} });
const push = defineJob({ kind: 'push', handler() {} });
const bare = defineJob({ kind: 'bare' });

const settingsOf = (
  options: unknown = {},
  jobs: readonly AnyJobDefinition[] = [mail, push, bare],
) => workerSettings(options as WorkerOptions, jobs);

describe('the settings of a worker', () => {
  it('are completed from the definitions that have handlers', () => {
    const { concurrency, queues, handlers, stopGraceMs } = settingsOf();
    expect([concurrency, stopGraceMs]).toEqual([10, 25_000]);
    expect([...queues]).toEqual([
      ['mails', 10],
      ['default', 10],
    ]);
    expect([...handlers.keys()]).toEqual(['mail', 'push']);
  });

  it('serve the handlers and queues that are named, with the limits that are named', () => {
    const handlers = [bare.handle(() => {})];
    const queues = { default: {}, slow: { concurrency: 2 }, wide: { concurrency: 99 } };
    const settings = settingsOf({ handlers, queues, concurrency: 5 });
    expect([...settings.handlers.keys()]).toEqual(['bare']);
    expect([...settings.queues]).toEqual([
      ['default', 5],
      ['slow', 2],
      ['wide', 5],
    ]);
    expect([...settingsOf({ queues: ['a', 'a', 'b'] }).queues.keys()]).toEqual(['a', 'b']);
  });

  it.each<[string, unknown, string]>([
    ['a definition without a handler', { handlers: [bare] }, 'MILLRACE_HANDLER_MISSING'],
    ['two handlers of one kind', { handlers: [mail, mail] }, 'MILLRACE_HANDLER_DUPLICATE'],
    ['no handler at all', { handlers: [] }, 'MILLRACE_HANDLER_MISSING'],
    ['handlers that are no list', { handlers: mail }, 'MILLRACE_OPTION_INVALID'],
    ['a handler that is no definition', { handlers: [{ kind: 'x' }] }, 'MILLRACE_OPTION_INVALID'],
    ['no queue', { queues: [] }, 'MILLRACE_OPTION_INVALID'],
    ['a queue that is no text', { queues: [3] }, 'MILLRACE_OPTION_INVALID'],
    ['queues that are neither list nor object', { queues: 'a' }, 'MILLRACE_OPTION_INVALID'],
    [
      'a mistyped option of a queue',
      { queues: { a: { concurency: 1 } } },
      'MILLRACE_OPTION_UNKNOWN',
    ],
    ['no slot', { concurrency: 0 }, 'MILLRACE_OPTION_INVALID'],
    ['a mistyped option', { concurency: 1 }, 'MILLRACE_OPTION_UNKNOWN'],
  ])('refuse %s', (_what, options, code) => {
    expect(() => settingsOf(options)).toThrow(expect.objectContaining({ code }));
  });
});

describe('the room for more jobs', () => {
  const settings = {
    concurrency: 3,
    queues: new Map([
      ['a', 2],
      ['b', 3],
    ]),
  };
  const held = (queue: string) =>
    new HeldJob(claimedJob({ queue }), mail.settings as HandledJobSettings);

  it('is what the jobs in hand leave of the slots of the process and of each queue', () => {
    const hands = new Hands(settings);
    expect(hands.room(false)).toEqual({
      limit: 3,
      queues: [
        { queue: 'a', limit: 2 },
        { queue: 'b', limit: 3 },
      ],
    });
    const first = held('a');
    hands.add(first);
    hands.add(held('a'));
    expect(hands.room(false)).toEqual({ limit: 1, queues: [{ queue: 'b', limit: 1 }] });
    hands.add(held('b'));
    expect(hands.room(false)).toBeUndefined();
    hands.delete(first);
    expect(hands.room(false)?.limit).toBe(1);
  });

  it('names each queue first in its turn', () => {
    const hands = new Hands(settings);
    const firsts = [1, 2, 3, 4].map(() => hands.room(false)?.queues[0]?.queue);
    expect(firsts).toEqual(['a', 'b', 'a', 'b']);
  });

  it('there is none while every queue is full, whatever slots are left', () => {
    const hands = new Hands({ concurrency: 3, queues: new Map([['a', 1]]) });
    hands.add(held('a'));
    expect(hands.room(false)).toBeUndefined();
  });
});
