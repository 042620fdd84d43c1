import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { MillraceError } from '../core/errors.ts';
import type { Millrace } from '../core/millrace.ts';
import { createMillrace } from '../create-millrace.ts';
import { findConfig, loadConfig } from './config.ts';
import { adoptConnection } from './connection-file.ts';
import { createOutput, type Output } from './output.ts';

/** What every command is told. */
export interface Setting {
  readonly configFile: string | undefined;
  readonly output: Output;
}

export function settingOf(command: Command): Setting {
  const { config, json } = command.optsWithGlobals<{ config?: string; json?: true }>();
  return { configFile: config, output: createOutput(json === true) };
}

/** The path of the configuration. @throws MILLRACE_CONFIG_MISSING */
export function requireConfig({ configFile }: Pick<Setting, 'configFile'>): string {
  const path = findConfig(configFile);
  if (path !== undefined) return path;
  throw new MillraceError(
    'MILLRACE_CONFIG_MISSING',
    `there is no millrace.config.ts in ${process.cwd()}`,
  );
}

/**
 * Runs `body` with the Millrace of this directory: the configuration's, or where the command allows it and there is
 * none, one that knows only the database.
 * @throws MILLRACE_CONFIG_MISSING, MILLRACE_CONFIG_INVALID
 */
export async function withMillrace(
  { configFile }: Setting,
  config: 'required' | 'optional',
  body: (millrace: Millrace) => Promise<void>,
): Promise<void> {
  await adoptConnection();
  const path = config === 'required' ? requireConfig({ configFile }) : findConfig(configFile);
  await using(path === undefined ? createMillrace({}) : await loadConfig(path), body);
}

/** Who gives a command, for those who read of it later. */
export function operatorName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a user that has no name.
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

/** Closes the Millrace when `body` has ended. What goes wrong in closing changes nothing about what was done. */
export async function using(
  millrace: Millrace,
  body: (millrace: Millrace) => Promise<void>,
): Promise<void> {
  try {
    await body(millrace);
  } finally {
    await millrace.close().catch(() => {});
  }
}
