import { OpenFeature } from '@openfeature/server-sdk';
import { createMillrace, defineJob, flag, type Flags, type FlagSource } from 'millrace';
import { openFeature } from 'millrace/openfeature';
import { expectTypeOf, it } from 'vitest';

it('`enabled` takes a flag, or a function that says yes or no, now or later', () => {
  defineJob({ kind: 'a', enabled: flag('x') });
  defineJob({ kind: 'a', enabled: flag('x', { default: false }) });
  defineJob({ kind: 'a', enabled: () => true });
  defineJob({ kind: 'a', enabled: async () => true });
  // @ts-expect-error A name alone could be anything.
  defineJob({ kind: 'a', enabled: 'x' });
  // @ts-expect-error It is asked again and again, so a value would never change.
  defineJob({ kind: 'a', enabled: true });
  // @ts-expect-error Not yes or no.
  defineJob({ kind: 'a', enabled: () => 'yes' });
});

it('a handler asks for flags with a fallback of their type', () => {
  defineJob({
    kind: 'a',
    async handler(_, { flags }) {
      expectTypeOf(flags).toEqualTypeOf<Flags>();
      expectTypeOf(await flags.boolean('x', true)).toEqualTypeOf<boolean>();
      expectTypeOf(await flags.number('x', 1)).toEqualTypeOf<number>();
      expectTypeOf(await flags.string('x', '')).toEqualTypeOf<string>();
      // @ts-expect-error Nobody else knows what holds where nobody answers.
      await flags.boolean('x');
    },
  });
});

it("a client of OpenFeature's own SDK is a source of flags", () => {
  const source = openFeature(OpenFeature.getClient());
  expectTypeOf(source).toEqualTypeOf<FlagSource>();
  createMillrace({ flags: source });
});
