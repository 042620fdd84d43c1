import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { pathIn, runIn } from './packed.ts';

const tests = 4;

/** Runs a script of a tool as `npx` would. */
function runTool(...args: readonly string[]): string {
  const { status, stdout, stderr } = runIn(pathIn('consumer'), process.execPath, args);
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}\n${stdout}${stderr}`);
  return stdout;
}

const reportOf = (file: string): unknown =>
  JSON.parse(readFileSync(pathIn('consumer', file), 'utf8'));

const allPassed = { success: true, numPassedTests: tests, numTotalTests: tests };

it('the testing kit works in jest, as ES modules, on a server of its global setup', () => {
  const jest = 'node_modules/jest/bin/jest.js';
  runTool('--experimental-vm-modules', jest, '--json', '--outputFile=jest.json');
  expect(reportOf('jest.json')).toMatchObject(allPassed);
});

it('the testing kit works in vitest, on a server of its global setup', () => {
  const vitest = 'node_modules/vitest/vitest.mjs';
  runTool(vitest, 'run', '--reporter=json', '--outputFile=vitest.json');
  expect(reportOf('vitest.json')).toMatchObject(allPassed);
});

it('the testing kit works in node:test, on a server that it starts itself', () => {
  const stdout = runTool('--test', '--test-reporter=tap', 'kit/kit.node.mjs');
  expect(stdout).toMatch(new RegExp(`^# pass ${tests}$`, 'm'));
  expect(stdout).toMatch(/^# fail 0$/m);
});
