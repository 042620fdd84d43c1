import { expect, test } from 'vitest';
import { defineJob, type AnyJobDefinition } from '../core/job-definition.ts';
import { every, type FireTimes } from '../core/schedule.ts';
import { checkDefinitions } from './check.ts';

const nowMs = Date.UTC(2026, 0, 1);

function found(...definitions: readonly AnyJobDefinition[]) {
  const jobs = new Map(definitions.map((each) => [each.kind, each]));
  return checkDefinitions(jobs, nowMs).map(({ severity, check }) => `${severity} ${check}`);
}

const handler = () => {};

test('definitions with handlers and schedules that fire have no findings', () => {
  const scheduled = defineJob({ kind: 'tidy-up', schedule: every('1h'), handler });
  expect(found(defineJob({ kind: 'send-mail', handler }), scheduled)).toEqual([]);
});

test('a configuration without definitions is told of', () => {
  expect(found()).toEqual(['warning definitions']);
});

test('a definition without a handler is told of, for another process may have it', () => {
  expect(found(defineJob({ kind: 'send-mail' }))).toEqual(['warning handlers']);
});

test('two schedules of different kinds with one name are a problem that names both kinds', () => {
  const named = (kind: string) =>
    defineJob({ kind, schedule: { at: every('1h'), name: 'nightly' }, handler });
  const jobs = new Map([named('one'), named('two')].map((each) => [each.kind, each]));
  expect(checkDefinitions(jobs, nowMs)).toMatchObject([
    {
      severity: 'problem',
      check: 'schedules',
      message: expect.stringContaining("'one' and 'two'") as string,
    },
  ]);
});

test('a schedule whose last fire time has passed is a problem', () => {
  const over: FireTimes = { type: 'cron', spec: 'cron over', next: () => null, latest: () => null };
  expect(found(defineJob({ kind: 'tidy-up', schedule: over, handler }))).toEqual([
    'problem schedules',
  ]);
});
