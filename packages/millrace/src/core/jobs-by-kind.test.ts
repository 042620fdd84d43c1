import { expect, it } from 'vitest';
import { defineJob, type AnyJobDefinition } from './job-definition.ts';
import { jobsByKind } from './jobs-by-kind.ts';

const mail = defineJob({ kind: 'mail' });
const sms = defineJob({ kind: 'sms' });

it('finds each definition by its kind', () => {
  expect([...jobsByKind([mail, sms])]).toEqual([
    ['mail', mail],
    ['sms', sms],
  ]);
});

it('refuses two definitions of one kind', () => {
  expect(() => jobsByKind([mail, sms, defineJob({ kind: 'mail' })])).toThrow(
    expect.objectContaining({
      code: 'MILLRACE_KIND_DUPLICATE',
      message: "two definitions have the kind 'mail'",
    }),
  );
});

it.each([[undefined], [{ kind: 'mail' }]])('refuses %j in place of a definition', (other) => {
  expect(() => jobsByKind([other as unknown as AnyJobDefinition])).toThrow(
    expect.objectContaining({
      code: 'MILLRACE_OPTION_INVALID',
      message: 'createMillrace.jobs must be a list of what defineJob returned',
    }),
  );
});
