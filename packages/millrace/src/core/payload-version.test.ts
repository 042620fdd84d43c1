import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { codecOf } from './payload.ts';
import { readPayload, upgraded, upgradeSteps } from './payload-version.ts';

const codec = codecOf({ encode: (input: never) => input, decode: (stored) => stored }, 'payload');

describe('upgraded', () => {
  it('takes every step from the stored version on, once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 20 }), fc.nat(), async (version, pick) => {
        const from = 1 + (pick % (version - 1));
        const given = Object.fromEntries(
          Array.from({ length: version - 1 }, (_, index) => [
            index + 1,
            (old: number[]) => [...old, index + 1],
          ]),
        );
        const upgrade = upgradeSteps(given, version, 'kind');
        const steps = Array.from({ length: version - from }, (_, index) => from + index);
        expect(await upgraded([], from, { codec, version, upgrade })).toEqual(steps);
      }),
    );
  });

  it('says which step is missing, and which threw', async () => {
    const upgrade = upgradeSteps({ 1: () => Promise.reject(new Error('no')) }, 3, 'kind');
    const versioned = { codec, version: 3, upgrade };
    await expect(upgraded({}, 2, versioned)).rejects.toMatchObject({
      code: 'MILLRACE_PAYLOAD_UPGRADE_MISSING',
      message: 'the payload has version 2, and there is no step from version 2 to 3',
    });
    await expect(upgraded({}, 1, versioned)).rejects.toMatchObject({
      code: 'MILLRACE_PAYLOAD_UPGRADE_FAILED',
      message: 'the step from version 1: no',
    });
    const noError = 'no' as unknown as Error;
    const silent = upgradeSteps({ 1: () => Promise.reject(noError) }, 2, 'kind');
    await expect(upgraded({}, 1, { codec, version: 2, upgrade: silent })).rejects.toMatchObject({
      code: 'MILLRACE_PAYLOAD_UPGRADE_FAILED',
      message: 'the step from version 1: it threw no error',
      cause: 'no',
    });
  });

  it('refuses what the definition of today refuses', async () => {
    const numbers = codecOf(z.object({ n: z.number() }), 'payload');
    const upgrade = upgradeSteps({ 1: () => ({ n: 'x' }) }, 2, 'kind');
    await expect(upgraded({}, 1, { codec: numbers, version: 2, upgrade })).rejects.toMatchObject({
      code: 'MILLRACE_PAYLOAD_UPGRADE_FAILED',
      message: expect.stringContaining('the outcome of the steps from version 1: ') as unknown,
    });
  });
});

describe('readPayload', () => {
  it('takes only what is older through the steps', async () => {
    const upgrade = upgradeSteps({ 1: () => 'new' }, 2, 'kind');
    const versioned = { codec, version: 2, upgrade };
    expect(await readPayload('old', 1, versioned)).toBe('new');
    expect(await readPayload('stored', 2, versioned)).toBe('stored');
    const sealed = { 'millrace:encrypted': 1, kid: 'k1' };
    expect(() => readPayload(sealed, 2, versioned)).toThrow('k1');
    const counting = codecOf({ encode: (n: number) => n + 1, decode: (n) => n }, 'payload');
    expect(await readPayload(1, 2, { ...versioned, codec: counting })).toBe(1);
  });
});

describe('upgradeSteps', () => {
  it.each([[[]], ['x'], [{ 0: () => 1 }], [{ 3: () => 1 }], [{ a: () => 1 }], [{ 1: 2 }]])(
    'refuses %j where it is no object of functions by earlier versions',
    (given) => {
      const refused = () => upgradeSteps(Array.isArray(given) ? [1] : given, 3, 'kind');
      expect(refused).toThrow(expect.objectContaining({ code: 'MILLRACE_OPTION_INVALID' }));
    },
  );

  it.each<[object, string]>([
    [{ 3: () => 1 }, "kind.upgrade has a step from '3'; it starts from a version before 3"],
    [{ 1: 2 }, 'kind.upgrade[1] must be a function'],
    [() => 1, 'kind.upgrade must be an object of functions'],
  ])('says of %o why it is refused', (given, message) => {
    expect(() => upgradeSteps(given, 3, 'kind')).toThrow(message);
  });

  it('refuses null in place of steps, and takes none', () => {
    expect(() => upgradeSteps(null, 3, 'kind')).toThrow(
      'kind.upgrade must be an object of functions',
    );
    expect(upgradeSteps(undefined, 3, 'kind')).toEqual(new Map());
  });
});
