import { MillraceError } from '../core/errors.ts';
import type { Millrace } from '../core/millrace.ts';
import { compositionOf, type Composition } from '../runtime.ts';

/** @throws MILLRACE_OPTION_INVALID */
export function partsOf(millrace: Millrace, what: string): Composition {
  const isObject = typeof millrace === 'object' && millrace !== null;
  const parts = isObject ? compositionOf(millrace) : undefined;
  if (parts !== undefined) return parts;
  throw new MillraceError(
    'MILLRACE_OPTION_INVALID',
    `${what}: the first argument must be what createMillrace of this same copy of millrace returned`,
  );
}
