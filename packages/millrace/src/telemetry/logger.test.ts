import { expect, it } from 'vitest';
import { claimedJob } from '../../../../test/helpers/worker-parts.ts';
import type { Events } from '../core/events.ts';
import type { Logger } from '../core/logger.ts';
import { systemClock } from '../system-clock.ts';
import { consoleLogger } from './console-logger.ts';
import { createEventBus } from './event-bus.ts';
import { jobLogger } from './job-logger.ts';
import { logEvents } from './log-events.ts';

const now = () => new Date('2026-02-03T04:05:06.007Z');

function written(
  isTTY: boolean,
  use: (logger: Logger) => void,
  level: 'debug' | 'warn' = 'debug',
): string[] {
  const lines: string[] = [];
  use(consoleLogger({ level, stream: { isTTY, write: (line: string) => lines.push(line) }, now }));
  return lines;
}

it('writes one line of JSON per call where nobody reads along', () => {
  const cyclic: Record<string, unknown> = { n: 1n };
  cyclic['self'] = cyclic;
  const [line = ''] = written(false, (logger) => {
    const error = new TypeError('broken', { cause: new Error('below') });
    logger.error({ id: '7', level: 'mine', cyclic, error }, 'it\nfailed');
  });
  expect(line).toMatch(/^[^\n]+\n$/);
  expect(JSON.parse(line)).toMatchObject({
    time: '2026-02-03T04:05:06.007Z',
    level: 'error',
    message: 'it\nfailed',
    id: '7',
    cyclic: { n: '1', self: '[seen above]' },
    error: { name: 'TypeError', message: 'broken', cause: { message: 'below' } },
  });
});

it('writes for people on a terminal', () => {
  const [plain, failed] = written(true, (logger) => {
    logger.info({ id: '7', name: 'two words', nothing: undefined }, 'attempt completed');
    logger.warn(
      { error: { name: 'E', message: 'm', stack: 'E: m\n    at here' } },
      'attempt failed',
    );
  });
  expect(plain).toBe(
    '04:05:06.007 \u001B[36minfo \u001B[0m attempt completed id=7 name="two words"\n',
  );
  expect(failed).toBe('04:05:06.007 \u001B[33mwarn \u001B[0m attempt failed \nE: m\n    at here\n');
});

it('writes nothing below its level', () => {
  const lines = written(
    false,
    (logger) => {
      logger.debug({}, 'a');
      logger.info({}, 'b');
      logger.warn({}, 'c');
      logger.error({}, 'd');
    },
    'warn',
  );
  expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual([
    'c',
    'd',
  ]);
});

/** The logger that was called last, and with what. */
function listening() {
  const calls: [level: string, message: string, details: object][] = [];
  const at = (level: string) => (details: object, message: string) =>
    void calls.push([level, message, details]);
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
  return { logger, calls };
}

it('the lines of a job say which job, kind, attempt and queue', () => {
  const { logger, calls } = listening();
  jobLogger(logger, claimedJob({ id: '7', attempt: 2 })).logger.info({ sent: 1 }, 'sent');
  expect(calls).toEqual([
    ['info', 'sent', { id: '7', kind: 'test', attempt: 2, queue: 'default', sent: 1 }],
  ]);
});

it('the lines of a job say which trace it belongs to, where that is known', () => {
  const { logger, calls } = listening();
  const ref = { id: '7', kind: 'mail', attempt: 1, queue: 'default', traceId: '0af7651916cd43dd' };
  jobLogger(logger, ref).logger.warn({}, 'odd');
  expect(calls).toEqual([['warn', 'odd', ref]]);
});

it.each<[Events['job:rescued']['state'], string, string]>([
  ['available', 'warn', 'a job was taken from a dead worker'],
  ['discarded', 'error', 'find out why'],
])('A8: a rescue that leaves a job %s is logged as %s', (state, level, message) => {
  const bus = createEventBus(systemClock);
  const { logger, calls } = listening();
  logEvents(bus, logger);
  bus.emit('job:rescued', { id: '7', kind: 'mail', queue: 'default', attempt: 0, state });
  bus.flush();
  expect(calls).toMatchObject([[level, expect.stringContaining(message), { id: '7', state }]]);
});

it.each<[Partial<Events['attempt:finished']>, string]>([
  [{ state: 'completed' }, 'info'],
  [{ state: 'cancelled' }, 'info'],
  [{ state: 'scheduled' }, 'info'],
  [{ state: 'retryable', error: { name: 'E', message: 'm' } }, 'warn'],
  [{ state: 'available', error: { name: 'E', message: 'm' } }, 'warn'],
  [{ state: 'discarded', error: { name: 'E', message: 'm' } }, 'error'],
])('W9: the end of an attempt is logged with what it came to: %o as %s', (rest, level) => {
  const bus = createEventBus(systemClock);
  const { logger, calls } = listening();
  logEvents(bus, logger);
  const ref = { id: '7', kind: 'mail', queue: 'default', attempt: 2 };
  bus.emit('attempt:finished', {
    ...ref,
    state: 'completed',
    durationMs: 12,
    exception: '',
    error: null,
    ...rest,
  });
  bus.flush();
  expect(calls).toMatchObject([
    [level, expect.any(String), { ...ref, event: 'attempt:finished', durationMs: 12 }],
  ]);
});
