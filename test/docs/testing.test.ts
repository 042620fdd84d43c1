import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

const run = promisify(execFile);
const repository = resolve(import.meta.dirname, '../..');
const directory = mkdtempSync(join(tmpdir(), 'millrace-testing-docs-'));

/** The project of the guide, as somebody has it who installed Millrace. */
beforeAll(() => {
  cpSync(join(repository, 'docs/examples/testing'), directory, { recursive: true });
  symlinkSync(join(repository, 'node_modules'), join(directory, 'node_modules'));
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  // As sources; conditions would not reach the global setup.
  const source = (path: string) => JSON.stringify(join(repository, 'packages', path));
  writeFileSync(
    join(directory, 'with-sources.config.ts'),
    `import { mergeConfig } from 'vitest/config';
     import config from './vitest.config.ts';
     const alias = {
       'millrace/testing': ${source('millrace/src/testing/index.ts')},
       '@millrace/dev-db': ${source('dev-db/src/index.ts')},
       millrace: ${source('millrace/src/index.ts')},
     };
     export default mergeConfig(config, { resolve: { alias } });`,
  );
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function env(own: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return { PATH, HOME, TMPDIR, NODE_OPTIONS: '--conditions=@millrace/source', ...own };
}

describe('the tests of the guide', () => {
  it('pass with vitest and its global setup, on a server that is started for them', async () => {
    const vitest = join(repository, 'node_modules/vitest/vitest.mjs');
    const output = join(directory, 'report.json');
    const config = ['--config', 'with-sources.config.ts'];
    const reporter = ['--reporter=json', `--outputFile=${output}`];
    const args = [vitest, 'run', ...config, ...reporter];
    await run(process.execPath, args, { cwd: directory, env: env() });
    const report: unknown = JSON.parse(readFileSync(output, 'utf8'));
    expect(report).toMatchObject({ success: true, numPassedTests: 9, numTotalTests: 9 });
  });

  it('pass with node:test, on a server that is given', async () => {
    const args = ['--test', '--test-reporter=tap', 'app.node-test.ts'];
    const server = env({ MILLRACE_TEST_SERVER: inject('adminUrl') });
    const { stdout } = await run(process.execPath, args, { cwd: directory, env: server });
    expect(stdout).toMatch(/^# pass 1$/m);
    expect(stdout).toMatch(/^# fail 0$/m);
  });
});
