import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { throughLayers, type Layer } from './layers.ts';

type TextLayer = Layer<string, string, string>;

function through(layers: readonly TextLayer[], innermost = async (seen: string) => `did ${seen}`) {
  return throughLayers<string, string, string>(layers, 'it', {
    change: (_, changed) => changed,
    innermost,
  });
}

describe('layers', () => {
  it('are entered from the first to the last, and left in the opposite order', async () => {
    const steps: string[] = [];
    const named =
      (name: string): TextLayer =>
      async (_, next) => {
        steps.push(`into ${name}`);
        const answer = await next();
        steps.push(`out of ${name}`);
        return `${name}(${answer})`;
      };
    expect(await through([named('a'), named('b')])).toBe('a(b(did it))');
    expect(steps).toEqual(['into a', 'into b', 'out of b', 'out of a']);
  });

  it('where there is none, only the innermost runs', async () => {
    expect(await through([])).toBe('did it');
  });

  it('pass on what they change, and those outside of them do not see it', async () => {
    const seen: string[] = [];
    const answer = await through([
      async (context, next) => {
        seen.push(context);
        await next('that');
        seen.push(context);
      },
      async (context, next) => {
        seen.push(context);
        return next();
      },
    ]);
    expect(answer).toBe('did that');
    expect(seen).toEqual(['it', 'that', 'it']);
  });

  it('that answer nothing leave the answer as it is, whether they wait for it or not', async () => {
    expect(await through([async (_, next) => void (await next())])).toBe('did it');
    expect(await through([async (_, next) => void next()])).toBe('did it');
    const failing = through([async (_, next) => void next()], () =>
      Promise.reject(new Error('no')),
    );
    await expect(failing).rejects.toThrow('no');
  });

  it('that never go on answer by themselves', async () => {
    let runs = 0;
    const answer = await through([async () => 'enough'], async () => `${(runs += 1)}`);
    expect([answer, runs]).toEqual(['enough', 0]);
  });

  it('may throw, catch and wrap what is thrown further in', async () => {
    const no = () => Promise.reject(new Error('no'));
    await expect(through([() => Promise.reject(new Error('never'))])).rejects.toThrow('never');
    await expect(
      through(
        [
          async (_, next) => {
            try {
              return await next();
            } catch (cause) {
              throw new Error('wrapped', { cause });
            }
          },
        ],
        no,
      ),
    ).rejects.toMatchObject({ message: 'wrapped', cause: { message: 'no' } });
    expect(await through([(_, next) => next().catch(() => 'saved')], no)).toBe('saved');
  });

  it('cannot go on twice', async () => {
    let runs = 0;
    const twice = through(
      [
        async (_, next) => {
          await next();
          return next();
        },
      ],
      async () => `${(runs += 1)}`,
    );
    await expect(twice).rejects.toMatchObject({
      code: 'MILLRACE_MIDDLEWARE_INVALID',
      message: 'next() was called twice',
    });
    expect(runs).toBe(1);
  });

  it('cannot go on after they have ended', async () => {
    let runs = 0;
    let late: (() => Promise<string>) | undefined;
    const answer = await through(
      [
        async (_, next) => {
          late = next;
          return 'early';
        },
      ],
      async () => `${(runs += 1)}`,
    );
    await expect(late?.()).rejects.toMatchObject({ code: 'MILLRACE_MIDDLEWARE_INVALID' });
    expect([answer, runs]).toEqual(['early', 0]);
  });

  it('are not over before what is further in is over, even if they gave up on it', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    let isOver = false;
    const whole = through(
      [
        async (_, next) => {
          void next();
          throw new Error('gave up');
        },
      ],
      () => promise,
    )
      .catch((error: unknown) => error)
      .finally(() => (isOver = true));
    await new Promise(setImmediate);
    expect(isOver).toBe(false);
    resolve('late');
    expect(await whole).toMatchObject({ message: 'gave up' });
  });

  it('may go on inside an asynchronous context of their own', async () => {
    const tenant = new AsyncLocalStorage<string>();
    const answer = await through(
      [(_, next) => tenant.run('ann', next)],
      async () => `for ${tenant.getStore()}`,
    );
    expect(answer).toBe('for ann');
  });
});
