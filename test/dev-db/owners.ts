import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until } from '../helpers/until.ts';
import { isAlive } from './places.ts';

const script = fileURLToPath(new URL('./owner.ts', import.meta.url));
const source = new URL('../../packages/dev-db/src/index.ts', import.meta.url).href;

export interface Started {
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
  readonly socketDir: string;
  readonly attached: boolean;
}

export interface OwnerOptions {
  readonly database: object;
  readonly leave?: boolean;
  /** Another copy of the package, and the script that drives it. */
  readonly project?: { readonly module: string; readonly script: string };
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly env?: NodeJS.ProcessEnv;
  /** A process group of its own, as a shell gives to what is typed into it. */
  readonly ownGroup?: boolean;
}

/** A separate process that owns a database. */
export class Owner {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #ownServer: number | undefined;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>) {
    this.process = child;
    this.#lines = lines;
  }

  static spawn({ database, leave, project, user, env, ownGroup }: OwnerOptions): Owner {
    const args = [project?.script ?? script, project?.module ?? source, JSON.stringify(database)];
    const child = spawn(process.execPath, leave === true ? [...args, 'leave'] : args, {
      ...user,
      cwd: '/',
      env: { ...process.env, ...env },
      detached: ownGroup ?? false,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return new Owner(child, createInterface({ input: child.stdout })[Symbol.asyncIterator]());
  }

  async line(): Promise<string> {
    const next: IteratorResult<string, unknown> = await this.#lines.next();
    if (next.done === true) throw new Error('The owner ended without a word.');
    return next.value;
  }

  async started(): Promise<Started> {
    const said = JSON.parse(await this.line()) as Started & { error?: string };
    if (said.error !== undefined) throw new Error(said.error);
    if (!said.attached) this.#ownServer = said.pid;
    return said;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const { exitCode, signalCode } = this.process;
    if (exitCode !== null || signalCode !== null) return;
    const exited = once(this.process, 'exit');
    this.process.kill(signal);
    await exited;
  }

  /** Ends the owner whatever a failed test left, and waits for its server, which writes files until its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
    const server = this.#ownServer;
    if (server !== undefined) await until('the server has ended', () => !isAlive(server));
  }
}
