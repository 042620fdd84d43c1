import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMillraceError, MillraceError } from '../core/errors.ts';
import type { Millrace } from '../core/millrace.ts';
import { shortPath } from './output.ts';
import { timedConfiguration } from './timing.ts';

const names = ['ts', 'mts', 'js', 'mjs'].map((extension) => `millrace.config.${extension}`);

/**
 * The path of the configuration file: the given one, or the one in the working directory; undefined when there is none.
 * @throws MILLRACE_CONFIG_MISSING when the given file does not exist
 */
export function findConfig(given: string | undefined): string | undefined {
  if (given === undefined)
    return names.map((name) => resolve(name)).find((path) => existsSync(path));
  const path = resolve(given);
  if (existsSync(path)) return path;
  throw new MillraceError('MILLRACE_CONFIG_MISSING', `there is no file ${given}`);
}

/**
 * Runs a configuration file and answers with the Millrace it exports.
 * @throws MILLRACE_CONFIG_INVALID; an error that Millrace threw inside the file keeps its code
 */
export async function loadConfig(path: string): Promise<Millrace> {
  const value = await evaluate(path);
  if (isMillrace(value)) return value;
  const found = value === undefined ? 'missing' : describe(value);
  throw new MillraceError(
    'MILLRACE_CONFIG_INVALID',
    `${shortPath(path)}: the default export must be the value of createMillrace, or a function or promise of it; it is ${found}`,
  );
}

async function evaluate(path: string): Promise<unknown> {
  try {
    return await timedConfiguration(async () => {
      const module = (await import(pathToFileURL(path).href)) as { readonly default?: unknown };
      const exported = await module.default;
      return typeof exported === 'function' ? await (exported as () => unknown)() : exported;
    });
  } catch (error) {
    const code = isMillraceError(error) ? error.code : 'MILLRACE_CONFIG_INVALID';
    throw new MillraceError(code, `${placeOf(error, path)}: ${reasonOf(error, path)}`, {
      cause: error,
    });
  }
}

const methods = [
  'migrate',
  'verify',
  'enqueue',
  'list',
  'createWorker',
  'createScheduler',
  'close',
];

/** By shape, because the project may have another copy of this package than the one that runs. */
function isMillrace(value: unknown): value is Millrace {
  if (typeof value !== 'object' || value === null) return false;
  const members = value as Record<string, unknown>;
  return (
    members['jobs'] instanceof Map && methods.every((name) => typeof members[name] === 'function')
  );
}

function describe(value: unknown): string {
  if (value === null || typeof value !== 'object') return `the ${typeof value} ${String(value)}`;
  const keys = Object.keys(value).slice(0, 3).join(', ');
  return keys === '' ? 'an empty object' : `an object with ${keys}`;
}

function reasonOf(error: unknown, path: string): string {
  if (!(error instanceof Error)) return `it threw ${String(error)}`;
  const { message } = error;
  if (
    error instanceof SyntaxError &&
    /import statement outside a module|token 'export'/.test(message)
  ) {
    const name = basename(path).replace(/\.(ts|js)$/, '.m$1');
    return `${message}; rename the file to ${name}, or set "type": "module" in package.json`;
  }
  if (isMillraceError(error) || error instanceof SyntaxError) return message;
  // The names of both files stand in the message already.
  if ('code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return message;
  return `${error.name}: ${message}`;
}

/** The configuration file and, where the stack tells, the line; also the other file of the project that it was in. */
function placeOf(error: unknown, path: string): string {
  const places = placesIn(error instanceof Error ? (error.stack ?? '') : '');
  const own = places.find(({ file }) => file === path);
  if (own !== undefined) return `${shortPath(path)}:${own.line}`;
  const other = places[0];
  return other === undefined
    ? shortPath(path)
    : `${shortPath(path)} (in ${shortPath(other.file)}:${other.line})`;
}

interface Place {
  readonly file: string;
  readonly line: string;
}

const packageRoot = fileURLToPath(new URL('..', import.meta.url));

/** The places in files of the project, innermost first. Errors of syntax carry theirs in the first line. */
function placesIn(stack: string): Place[] {
  return [...stack.matchAll(/((?:file:\/\/)?\/[^():\n]+):(\d+)/g)]
    .map(([, file = '', line = '']) => ({
      file: file.startsWith('file:') ? fileURLToPath(file) : file,
      line,
    }))
    .filter(({ file }) => !file.includes('/node_modules/') && !file.startsWith(packageRoot));
}
