import { Option, type Command } from 'commander';
import type { Finding } from '../core/operator/finding.ts';
import { exitCodes } from './fail.ts';
import { printable, style, type Output } from './output.ts';

export interface FindingOptions {
  readonly strict?: true;
}

export function addStrict(command: Command): Command {
  return command.addOption(
    new Option('--strict', 'exit code 1 for anything but no findings at all'),
  );
}

const marks = {
  problem: () => style('red', 'problem'),
  warning: () => style('yellow', 'warning'),
  unknown: () => style('magenta', 'unknown'),
} as const;

const order = ['problem', 'unknown', 'warning'] as const;

/** Prints findings, the worst first, and says by the exit code whether there are problems. */
export function answerFindings(
  findings: readonly Finding[],
  { output, strict, fine }: { output: Output; strict: boolean; fine: string },
): void {
  const sorted = findings.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  const failed = sorted.some(({ severity }) => strict || severity === 'problem');
  if (failed) process.exitCode ??= exitCodes.failed;
  output.answer({ ok: !failed, findings: sorted }, () =>
    sorted.length === 0 ? fine : sorted.map(show).join('\n'),
  );
}

function show({ severity, check, message, mend }: Finding): string {
  const line = `${marks[severity]()}  ${check}: ${printable(message)}`;
  return mend === null ? line : `${line}\n         ${style('dim', 'mend:')} ${printable(mend)}`;
}
