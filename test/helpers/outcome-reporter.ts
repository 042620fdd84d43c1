import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/** What one run of vitest came to; `.ci/run` adds the runs up. */
export interface RunOutcome {
  readonly run: string;
  readonly passed: number;
  readonly failures: readonly { readonly name: string; readonly why: string }[];
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
}

/** Writes the outcome of the run, with the reasons for which tests were skipped: vitest's JSON leaves those out. */
export class OutcomeReporter implements Reporter {
  readonly #folder: string;
  readonly #run: string;

  constructor(folder: string, run: string) {
    this.#folder = folder;
    this.#run = run;
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const results = tests.map((test) => ({ name: test.fullName, result: test.result() }));
    // A file that cannot be loaded has no tests that could fail.
    const broken = modules.filter((module) => module.errors().length > 0);
    const count = (state: string) => results.filter(({ result }) => result.state === state).length;
    const outcome: RunOutcome = {
      run: this.#run,
      passed: count('passed'),
      failures: [
        ...results.flatMap(({ name, result }) =>
          result.state === 'failed' ? [{ name, why: firstLine(result.errors[0]?.message) }] : [],
        ),
        ...broken.map((module) => ({
          name: module.relativeModuleId,
          why: firstLine(module.errors()[0]?.message),
        })),
        ...errors.map(({ message }) => ({ name: 'beside the tests', why: firstLine(message) })),
      ],
      skipped: results.flatMap(({ name, result }) =>
        result.state === 'skipped' ? [{ name, why: result.note ?? 'no reason given' }] : [],
      ),
    };
    mkdirSync(this.#folder, { recursive: true });
    writeFileSync(join(this.#folder, `${process.pid}.json`), JSON.stringify(outcome));
  }
}

function firstLine(message = 'no reason given'): string {
  return message.split('\n', 1)[0] ?? '';
}

/** The usual report, and one for `.ci/run` when it asks for it. */
export function reporters(run: string): ('default' | OutcomeReporter)[] {
  const folder = process.env['MILLRACE_TEST_OUTCOMES'];
  return folder === undefined ? ['default'] : ['default', new OutcomeReporter(folder, run)];
}
