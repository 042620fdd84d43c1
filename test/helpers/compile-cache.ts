import { resolve } from 'node:path';

/**
 * What a process finds in its environment that runs our sources: about half of a short process' time would go into
 * reading and compiling the same files again and again. All tests share the folder; git ignores it.
 *
 * Not while coverage is taken: of functions that come from the cache V8 knows less.
 */
export const compileCache: Readonly<Record<string, string>> =
  process.env['NODE_V8_COVERAGE'] === undefined
    ? { NODE_COMPILE_CACHE: resolve(import.meta.dirname, '../../.cache/node-compile') }
    : {};
