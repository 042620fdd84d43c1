import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { defineJob } from './job-definition.ts';
import { MillraceError } from './errors.ts';
import {
  confidentially,
  enqueueThrough,
  layersOf,
  middlewareList,
  transformed,
  type EnqueueAnswer,
  type Layers,
  type Middleware,
} from './middleware.ts';

const definition = defineJob({ kind: 'mail' });
const job = { kind: 'mail', definition, payload: {}, options: {}, tx: undefined };

describe('a list of middleware', () => {
  it('may be left out', () => {
    expect(middlewareList(undefined, 'use')).toEqual([]);
    expect(layersOf([], [])).toBeUndefined();
  });

  it.each([
    [{}, 'use must be a list of middleware, not {}'],
    [[5], 'use must be a list of objects with `enqueue`, `attempt`, `encode` or `decode`, not 5'],
    [[{ encod() {} }], 'with `enqueue`, `attempt`, `encode` or `decode`, not {}'],
    [[{ attempt: 5 }], 'with `enqueue`, `attempt`, `encode` or `decode`, not {"attempt":5}'],
    [[{ encode: (json: unknown) => json }], 'whoever has `encode` has `decode`, too'],
  ])('that is wrong is refused: %j', (given, message) => {
    expect(() => middlewareList(given, 'use')).toThrow(message);
  });

  it('may have instances of classes, whose methods know their object', async () => {
    class Counting implements Middleware {
      count = 0;
      async enqueue(_: unknown, next: () => Promise<EnqueueAnswer>) {
        this.count += 1;
        return next();
      }
    }
    const counting = new Counting();
    const { enqueue } = layersOf(middlewareList([counting], 'use'), []) as Layers;
    await enqueueThrough(enqueue, job, async () => ({ status: 'created', id: '1' }));
    expect(counting.count).toBe(1);
  });

  it('of createMillrace stands outside of that of a definition; decoding goes the other way', async () => {
    const adding = (name: string): Middleware => ({
      encode: (json) => `${json as string}${name}`,
      decode: (stored) => `${stored as string}${name}`,
    });
    const { encode, decode } = layersOf([adding('a'), adding('b')], [adding('c')]) as Layers;
    const about = { kind: 'mail', version: 1 };
    expect(await transformed('', encode, about)).toBe('abc');
    expect(await transformed('', decode, about)).toBe('cba');
  });
});

describe('middleware around enqueueing', () => {
  const store = async () => ({ status: 'created', id: '1' }) as const;

  it('changes what is stored', async () => {
    const { enqueue } = layersOf(
      [{ enqueue: (each, next) => next({ options: { ...each.options, tags: ['a'] } }) }],
      [],
    ) as Layers;
    let stored: unknown;
    await enqueueThrough(enqueue, job, async (context) => {
      stored = context;
      return store();
    });
    expect(stored).toEqual({ ...job, options: { tags: ['a'] } });
  });

  it.each([undefined, null, 5, { status: 'created' }, { status: 'new', id: '1' }])(
    'must not answer with %j in place of a status and an id',
    async (answer) => {
      const enqueue = [async () => answer as never];
      await expect(enqueueThrough(enqueue, job, store)).rejects.toMatchObject({
        code: 'MILLRACE_MIDDLEWARE_INVALID',
      });
    },
  );

  it('may answer with null where nothing was stored, and with a job of its own', async () => {
    const passing = [async (_: unknown, next: () => Promise<EnqueueAnswer>) => next()];
    expect(await enqueueThrough(passing, job, async () => null)).toBeNull();
    const other = { status: 'deduplicated', id: '7' } as const;
    expect(await enqueueThrough([async () => other], job, store)).toEqual(other);
  });
});

it('what middleware makes of a payload must be JSON', async () => {
  const hooks = [() => undefined as never];
  await expect(transformed({}, hooks, { kind: 'mail', version: 1 })).rejects.toMatchObject({
    code: 'MILLRACE_PAYLOAD_NOT_JSON',
  });
});

describe('errors about confidential payloads', () => {
  const secret = layersOf([{ decode: (json) => json, confidential: true }], []);
  const told = (layers: Layers | undefined, error: unknown) =>
    confidentially(layers, 'MILLRACE_PAYLOAD_UNREADABLE', () => {
      throw error;
    }).catch((thrown: unknown) => thrown);

  it('keep their code, and nothing of what a validator says', async () => {
    const error = new MillraceError('MILLRACE_PAYLOAD_INVALID', 'to: "ann" is no address', {
      cause: new Error('ann'),
    });
    const said = (await told(secret, error)) as MillraceError;
    expect(said.code).toBe('MILLRACE_PAYLOAD_INVALID');
    expect(inspect(said, { showHidden: true })).not.toContain('ann');
    expect(await told(secret, 'ann')).toMatchObject({ code: 'MILLRACE_PAYLOAD_UNREADABLE' });
  });

  it('are as ever where nothing is confidential', async () => {
    const error = new Error('to: "ann" is no address');
    expect(await told(layersOf([{ decode: (json) => json }], []), error)).toBe(error);
    expect(await told(undefined, error)).toBe(error);
  });
});
