import { MillraceError } from './errors.ts';

/** Code that stands around something, and goes on inwards by `next`. */
export type Layer<Context, Answer, Change> = (
  context: Context,
  next: (change?: Change) => Promise<Answer>,
) => Promise<Answer | undefined | void>;

/** What the layers stand around. */
interface Inside<Context, Answer, Change> {
  /** What the layers further in see after one has asked for a change. */
  readonly change: (context: Context, change: Change) => Context;
  readonly innermost: (context: Context) => Promise<Answer>;
}

/**
 * Goes through the layers, the first outermost, to the innermost and back. `next` begins before it returns, so that a layer
 * may call it inside a context of its own, such as that of an AsyncLocalStorage.
 *
 * It never ends before what is further in has ended, whether a layer waits for that or not: an attempt whose handler still
 * runs is not over.
 */
export function throughLayers<Context, Answer, Change>(
  layers: readonly Layer<Context, Answer, Change>[],
  context: Context,
  inside: Inside<Context, Answer, Change>,
): Promise<Answer> {
  const enter = (at: number, seen: Context): Promise<Answer> => {
    const layer = layers[at];
    if (layer === undefined) return inside.innermost(seen);
    return around(layer, seen, (change) =>
      enter(at + 1, change === undefined ? seen : inside.change(seen, change)),
    );
  };
  return enter(0, context);
}

async function around<Context, Answer, Change>(
  layer: Layer<Context, Answer, Change>,
  context: Context,
  inner: (change?: Change) => Promise<Answer>,
): Promise<Answer> {
  let begun: Promise<Answer> | undefined;
  let isOver = false;
  const next = (change?: Change): Promise<Answer> => {
    const promise = begun === undefined && !isOver ? (begun = inner(change)) : refused(isOver);
    // What a layer does not wait for must not end the process; see below.
    promise.catch(() => {});
    return promise;
  };
  try {
    const answer = await layer(context, next);
    if (answer !== undefined || begun === undefined) return answer as Answer;
    return await begun;
  } finally {
    isOver = true;
    await begun?.catch(() => {});
  }
}

async function refused(isOver: boolean): Promise<never> {
  throw new MillraceError(
    'MILLRACE_MIDDLEWARE_INVALID',
    isOver ? 'next() was called after its middleware had ended' : 'next() was called twice',
  );
}
