import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const exampleFolder = fileURLToPath(new URL('../..', import.meta.url));

/** `millrace`, the command: from the sources in this repository, from the installed package elsewhere. */
const entry = import.meta.resolve('millrace');
const command = fileURLToPath(
  new URL(entry.endsWith('.ts') ? 'cli/main.ts' : 'cli/main.js', entry),
);

/**
 * Compiles the command once, into this folder: from sources, each process would bring a compiler of its own into memory.
 * @returns the environment of processes that are to use it
 */
export async function compileCommand(
  folder: string,
): Promise<{ readonly NODE_COMPILE_CACHE: string }> {
  const env = { NODE_COMPILE_CACHE: folder };
  const args = [...process.execArgv, command, '--version'];
  await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env } });
  return env;
}

/** A process that runs `millrace start`: a worker and a scheduler. */
export class WorkerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #wanted = true;

  /** @param onCrash Hears of it when the process ends although nobody asked it to. */
  constructor(
    logFile: string,
    env: Readonly<Record<string, string>>,
    onCrash: (error: Error) => void,
  ) {
    const log = openSync(logFile, 'a');
    const leash = new URL('leash.ts', import.meta.url).href;
    const args = [...process.execArgv, '--import', leash, command, 'start'];
    this.#child = spawn(process.execPath, args, {
      cwd: exampleFolder,
      env: { ...process.env, ...env },
      stdio: ['pipe', log, log],
    });
    closeSync(log);
    this.#exited = once(this.#child, 'exit');
    this.#child.once('exit', (code, signal) => {
      if (this.#wanted) onCrash(crash(logFile, signal ?? `exit code ${code}`));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Asks it to stop. Answers with its exit code. */
  async stop(): Promise<number | null> {
    await this.#end('SIGTERM');
    return this.#child.exitCode;
  }

  /** Lets it stop wherever it is. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#wanted = false;
    if (this.running) {
      this.#child.kill(signal);
      await this.#exited;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

function crash(logFile: string, how: string): Error {
  const log = readFileSync(logFile, 'utf8').trim().split('\n').slice(-20).join('\n');
  return new Error(`a worker process ended by ${how}:\n${log}`);
}
