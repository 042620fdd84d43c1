import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'vitest';
import { compileCache } from './compile-cache.ts';

const repository = resolve(import.meta.dirname, '../..');
const main = join(repository, 'packages/millrace/src/cli/main.ts');

/** How a run of the command line ended. */
export interface CliResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface CliOptions {
  /** What the command finds in its environment beside PATH; nothing of ours. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Options of Node.js itself. */
  readonly node?: readonly string[];
}

/** A command that runs. */
interface RunningCli {
  readonly process: ChildProcess;
  readonly ended: Promise<CliResult>;
  /** What it has printed so far. */
  stdout(): string;
  /** Waits until it has printed this, wherever it prints. */
  printed(what: string | RegExp): Promise<void>;
}

/** A folder with files, such as a project that uses Millrace has them. */
interface CliProject extends Disposable {
  readonly directory: string;
  write(files: Readonly<Record<string, string>>): void;
  /** Puts a copy of the package's sources into this folder, as a second installation. */
  copyPackage(folder: string): void;
  run(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  start(args: readonly string[], options?: CliOptions): RunningCli;
}

export function createProject(files: Readonly<Record<string, string>> = {}): CliProject {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-cli-'));
  // The server of `millrace dev` may run as another user, who has to come in.
  chmodSync(directory, 0o755);
  symlinkSync(join(repository, 'node_modules'), join(directory, 'node_modules'));
  const write = (more: Readonly<Record<string, string>>) => {
    for (const [name, content] of Object.entries(more)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), content);
    }
  };
  write({ 'package.json': '{ "type": "module" }', ...files });
  const running = new Set<ChildProcess>();
  const start = (args: readonly string[], options: CliOptions = {}) => {
    const cli = startCli(directory, args, options);
    running.add(cli.process);
    cli.process.once('exit', () => running.delete(cli.process));
    return cli;
  };
  return {
    directory,
    write,
    copyPackage(folder) {
      for (const part of ['src', 'package.json']) {
        cpSync(join(repository, 'packages/millrace', part), join(directory, folder, part), {
          recursive: true,
        });
      }
    },
    start,
    run: (args, options) => start(args, options).ended,
    [Symbol.dispose]() {
      for (const child of running) child.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function startCli(cwd: string, args: readonly string[], options: CliOptions): RunningCli {
  const child = spawn(
    process.execPath,
    ['--conditions=@millrace/source', ...(options.node ?? []), main, ...args],
    { cwd, env: { PATH: process.env['PATH'], ...compileCache, ...options.env } },
  );
  child.stdin.end(options.input ?? '');
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const ended = new Promise<number | null>((done) => child.once('close', done));
  return {
    process: child,
    ended: ended.then((exitCode) => ({ exitCode, stdout, stderr })),
    stdout: () => stdout,
    async printed(what) {
      const isIn = (text: string) =>
        typeof what === 'string' ? text.includes(what) : what.test(text);
      const has = () => isIn(stdout) || isIn(stderr);
      let over = false;
      void ended.then(() => (over = true));
      await expect
        .poll(() => over || has(), {
          timeout: 60_000,
          interval: 10,
          message: `prints ${String(what)}`,
        })
        .toBe(true);
      if (!has()) throw new Error(`It ended: ${stdout}${stderr}`);
    },
  };
}

/** Asserts that a command failed as a command has to: one line on stderr with code and remedy, nothing on stdout. */
export function expectFailure(
  { exitCode, stdout, stderr }: CliResult,
  code: string,
  ...contains: readonly string[]
): void {
  expect(stderr).toMatch(/^[^\n]+\n$/);
  const [, found, , remedy] = /^([A-Z_]+): (.+[.!?]) ([A-Z].+[.!?])\n$/.exec(stderr) ?? [];
  expect({ found, stderr }).toMatchObject({ found: code });
  expect(remedy).toBeDefined();
  for (const part of contains) expect(stderr).toContain(part);
  expect(stdout).toBe('');
  expect(exitCode).toBe(code === 'MILLRACE_ARGUMENT_INVALID' ? 2 : 1);
}
