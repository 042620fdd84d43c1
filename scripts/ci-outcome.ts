/** Adds up what `.ci/run` found: names of what failed or was skipped and why, and a last line with the numbers. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { RunOutcome } from '../test/helpers/outcome-reporter.ts';

const [, , stagesFile = '', outcomesFolder = '', outputsFolder = ''] = process.argv;

/** Of what a failed stage printed; whoever reads only the end of the log must see why it failed. */
const lastLines = 30;

const outcomes = readdirSync(outcomesFolder)
  .toSorted()
  .map((file) => JSON.parse(readFileSync(join(outcomesFolder, file), 'utf8')) as RunOutcome);
const stages = readFileSync(stagesFile, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => line.split('\t'))
  .map(([state, name, why]) => ({ state, name, why }));

for (const { run, passed, failures, skipped } of outcomes) {
  console.log(
    `${run}: ${passed} tests passed, ${failures.length} failed, ${skipped.length} skipped`,
  );
}
for (const { run, failures, skipped } of outcomes) {
  for (const { name, why } of failures) console.log(`failed in ${run}: ${name} (${why})`);
  for (const { name, why } of skipped) console.log(`skipped in ${run}: ${name} (${why})`);
}
for (const { state, name, why } of stages) {
  if (state === 'failed') console.log(`failed stage: ${name}\n${endOfOutput(name ?? '')}`);
  if (state === 'skipped') console.log(`skipped stage: ${name} (${why})`);
}

function endOfOutput(stage: string): string {
  const output = readFileSync(join(outputsFolder, stage.replaceAll('/', '-')), 'utf8');
  const lines = output.trimEnd().split('\n').slice(-lastLines);
  return lines.map((line) => `  | ${line}`).join('\n');
}

const stagesThat = (wanted: string) => stages.filter(({ state }) => state === wanted).length;
const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
const passed = sum(outcomes.map((outcome) => outcome.passed)) + stagesThat('passed');
const failed = sum(outcomes.map((outcome) => outcome.failures.length)) + stagesThat('failed');
const skipped = sum(outcomes.map((outcome) => outcome.skipped.length)) + stagesThat('skipped');
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
if (failed > 0) process.exitCode = 1;
