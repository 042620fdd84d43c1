import type { Json } from '../core/json.ts';

/** Whether all that `part` says holds for `whole`. Lists must agree in length and order. */
export function isPart(part: Json, whole: Json): boolean {
  if (typeof part !== 'object' || part === null) return Object.is(part, whole) || part === whole;
  if (typeof whole !== 'object' || whole === null) return false;
  if (isList(part) || isList(whole)) {
    if (!isList(part) || !isList(whole) || part.length !== whole.length) return false;
    return part.every((item, index) => isPart(item, whole[index] as Json));
  }
  return Object.entries(part).every(
    ([key, value]) => Object.hasOwn(whole, key) && isPart(value, whole[key] as Json),
  );
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
