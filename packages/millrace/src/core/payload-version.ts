import { keyIdOf, sealedError } from './envelope.ts';
import { MillraceError } from './errors.ts';
import type { Json } from './json.ts';
import type { PayloadCodec } from './payload.ts';

/** Makes of a payload of one version that of the next. Say of what type the old one was. */
export type UpgradeStep<Output = unknown> = (old: never) => Output | Promise<Output>;

/** The version before `V`, as far as the compiler counts. */
type Before<V, Count extends readonly 0[] = [0]> = [...Count, 0]['length'] extends V
  ? Count['length']
  : Count['length'] extends 500
    ? never
    : Before<V, [...Count, 0]>;

/** The steps to version `V`, named by the version they start from. The last one makes what is enqueued today. */
export type Upgrades<V extends number, Input> = Readonly<Record<number, UpgradeStep>> &
  (number extends V ? unknown : { readonly [From in Before<V>]?: UpgradeStep<Input> });

/** What it takes to read payloads of earlier versions. */
export interface Versioned {
  readonly codec: PayloadCodec<unknown, unknown>;
  readonly version: number;
  readonly upgrade: ReadonlyMap<number, (old: unknown) => unknown>;
}

/**
 * Judges the steps of a definition. Some may be missing: whoever knows that nothing of that age is left drops them.
 * @throws MILLRACE_OPTION_INVALID
 */
export function upgradeSteps(given: unknown, version: number, kind: string): Versioned['upgrade'] {
  const refuse = (message: string) =>
    new MillraceError('MILLRACE_OPTION_INVALID', `${kind}.upgrade${message}`);
  if (given === undefined) return new Map();
  if (typeof given !== 'object' || given === null) throw refuse(' must be an object of functions');
  return new Map(
    Object.entries(given).map(([name, step]: [string, unknown]) => {
      const from = Number(name);
      if (!Number.isSafeInteger(from) || from < 1 || from >= version) {
        throw refuse(` has a step from '${name}'; it starts from a version before ${version}`);
      }
      if (typeof step !== 'function') throw refuse(`[${name}] must be a function`);
      return [from, step as (old: unknown) => unknown];
    }),
  );
}

/**
 * What the handler gets of a stored payload, whichever version made it.
 * @throws MILLRACE_ENCRYPTION_KEY_MISSING: a lenient schema would take the ciphertext for a payload
 */
export function readPayload(stored: Json, from: number, to: Versioned): unknown {
  const kid = keyIdOf(stored);
  if (kid !== undefined) throw sealedError(kid);
  return from < to.version ? upgraded(stored, from, to) : to.codec.decode(stored);
}

/** Takes what a definition of an earlier version has stored through the steps, and reads it as if it were new. */
export async function upgraded(
  stored: Json,
  from: number,
  { codec, version, upgrade }: Versioned,
): Promise<unknown> {
  let payload: unknown = stored;
  for (let at = from; at < version; at++) {
    const step = upgrade.get(at);
    if (step === undefined) {
      throw new MillraceError(
        'MILLRACE_PAYLOAD_UPGRADE_MISSING',
        `the payload has version ${from}, and there is no step from version ${at} to ${at + 1}`,
      );
    }
    payload = await take(() => step(payload), `step from version ${at}`);
  }
  const current = await take(
    () => codec.encode(payload),
    `outcome of the steps from version ${from}`,
  );
  return codec.decode(current);
}

async function take<T>(run: () => T | Promise<T>, what: string): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : 'it threw no error';
    throw new MillraceError('MILLRACE_PAYLOAD_UPGRADE_FAILED', `the ${what}: ${message}`, {
      cause,
    });
  }
}
