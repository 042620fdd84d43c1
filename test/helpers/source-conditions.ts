import { compileCache } from './compile-cache.ts';

// For the processes of vitest, and for those that inherit their environment.
Object.assign(process.env, compileCache);

/**
 * Without `import` and `default`: Vite adds them itself, and in this list they would reach Node, where `require()` of a
 * package with two builds would get the wrong one.
 */
const conditions = ['@millrace/source', 'node'];

/** Vite resolves imports of tests and of what they import by two separate lists; both must choose our sources. */
export const sourceConditions = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
};
