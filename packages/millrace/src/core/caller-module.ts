/** Whatever it was that somebody called. */
export type Caller = (...args: never[]) => unknown;

/** The URL of the file that called `called`, or undefined where that is no file. */
export function callerModule(called: Caller): string | undefined {
  const { stackTraceLimit } = Error;
  const own = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  const holder: { stack?: readonly NodeJS.CallSite[] } = {};
  try {
    Error.stackTraceLimit = 1;
    Error.prepareStackTrace = (_, callSites) => callSites;
    Error.captureStackTrace(holder, called);
    const name = holder.stack?.[0]?.getFileName();
    return typeof name === 'string' ? toFileUrl(name) : undefined;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    if (own === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
    else Object.defineProperty(Error, 'prepareStackTrace', own);
  }
}

/** Modules have URLs; scripts of CommonJS, and of some test runners, have paths. */
function toFileUrl(name: string): string | undefined {
  if (name.startsWith('file:')) return name;
  const path = name.replaceAll('\\', '/');
  if (!/^(?:[A-Za-z]:)?\//.test(path)) return undefined;
  const encoded = encodeURI(path).replaceAll('?', '%3F').replaceAll('#', '%23');
  return `file://${path.startsWith('/') ? '' : '/'}${encoded}`;
}
