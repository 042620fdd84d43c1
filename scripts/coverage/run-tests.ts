import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { startVitest } from 'vitest/node';

/**
 * Runs tests so that every process writes into the folder which code it ran, and answers whether they passed.
 *
 * The test processes load the sources as every other process does, by Node.js alone: what Vite makes of a source has
 * other positions. Pure tests need no server, and no process of their own.
 */
export async function ranTests(
  folder: string,
  { only, isPure }: { readonly only: readonly string[]; readonly isPure: boolean },
): Promise<boolean> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // Some tests start processes as another user.
  chmodSync(folder, 0o777);
  // Node.js hands it on even to children that are given an environment of their own.
  process.env['NODE_V8_COVERAGE'] = folder;
  const vitest = await startVitest([...only], {
    watch: false,
    reporters: ['dot'],
    execArgv: ['--conditions=@millrace/source'],
    experimental: { viteModuleRunner: false, nodeLoader: false },
    setupFiles: ['scripts/coverage/take-coverage.ts'],
    typecheck: { enabled: false },
    ...(isPure && { globalSetup: [], isolate: false }),
  });
  await vitest.close();
  return process.exitCode === undefined || process.exitCode === 0;
}
