import { readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DevDatabaseError, systemCode } from './errors.ts';
import { Guard, keepAlive, type Run } from './guard.ts';
import { readPidFile } from './pid-file.ts';
import { isTooLongForSockets, makeTemporaryDirectory } from './places.ts';
import type { Plan } from './plan.ts';

const pollMs = 10;
/** A server that was killed replays its log first, which takes a while after much work. */
const readyTimeoutMs = 60_000;
/**
 * The processes of a killed server need a moment to notice, and keep the next one from starting. On PostgreSQL 14 it is
 * half a minute when the server was killed right after its start: its launcher of autovacuum waits for statistics.
 */
const busyTimeoutMs = 45_000;
const stopTimeoutMs = 10_000;
const shownLogLines = 15;
const logMaxBytes = 10_000_000;
/** Without TCP the number only names the socket file. */
const socketOnlyPort = 5432;

/** The data folder is in use: by a server that somebody else started meanwhile, or by the rest of a killed one. */
export class FolderBusy extends Error {}

/** How the server treats its sessions when it stops; PostgreSQL's own words. */
export type StopMode = 'smart' | 'fast' | 'immediate';
const signals = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/** A server that this process started and that does not outlive it. */
export class Server {
  readonly socketDir: string;
  readonly port: number;
  readonly #plan: Plan;
  readonly #guard: Guard;
  readonly #logFile: string;
  readonly #rubbish: string | undefined;
  #run: Run | undefined;

  private constructor(plan: Plan, port: number) {
    const { dataDir, binaries, user } = plan.cluster;
    const shortDir = isTooLongForSockets(dataDir) ? makeTemporaryDirectory(user) : undefined;
    this.#plan = plan;
    this.port = port;
    this.socketDir = shortDir ?? dataDir;
    this.#rubbish = plan.temporary ?? shortDir;
    this.#logFile = join(dataDir, 'millrace.log');
    this.#guard = new Guard({
      command: join(binaries.binDir, 'postgres'),
      args: ['-D', dataDir, ...settingArguments(plan, this.socketDir)],
      logFile: this.#logFile,
      user,
      signal: plan.temporary === undefined ? 'INT' : 'QUIT',
      rubbish: this.#rubbish,
    });
  }

  static async start(plan: Plan): Promise<Server> {
    const { tcpPort } = plan;
    const server = new Server(plan, tcpPort === 0 ? await freePort() : (tcpPort ?? socketOnlyPort));
    try {
      await server.#startOnce();
      return server;
    } catch (error) {
      await server.#release();
      throw error;
    }
  }

  get pid(): number {
    return this.#run?.pid ?? 0;
  }

  /** Resolves when the server has ended, for signals that end it; at once for others. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const run = this.#run;
    if (run === undefined || run.hasEnded()) return;
    send(signal, run.pid);
    if (!['SIGKILL', 'SIGQUIT', 'SIGINT', 'SIGTERM', 'SIGABRT'].includes(signal)) return;
    // A suspended server would not hear the signal.
    send('SIGCONT', run.pid);
    await keepAlive(run.ended);
  }

  async restart(): Promise<void> {
    await this.kill('SIGINT');
    for (const deadline = Date.now() + busyTimeoutMs; ; await sleep(pollMs * 10)) {
      try {
        return await this.#startOnce();
      } catch (error) {
        if (!(error instanceof FolderBusy)) throw error;
        if (Date.now() > deadline) throw startFailed('did not get its folder', error.message);
      }
    }
  }

  async stop(mode: StopMode): Promise<void> {
    const harder = setTimeout(() => void this.kill('SIGQUIT'), stopTimeoutMs);
    if (mode === 'smart') clearTimeout(harder);
    await this.kill(signals[mode]).finally(() => clearTimeout(harder));
    await this.#release();
  }

  async #release(): Promise<void> {
    await this.#guard.release();
    if (this.#rubbish !== undefined) rmSync(this.#rubbish, { recursive: true, force: true });
  }

  async #startOnce(): Promise<void> {
    const logStart = prepareLog(this.#logFile);
    const run = await this.#guard.run(this.port);
    this.#run = run;
    const { dataDir } = this.#plan.cluster;
    const deadline = Date.now() + readyTimeoutMs;
    while (!run.hasEnded()) {
      const file = readPidFile(dataDir);
      if (file?.pid === run.pid && file.ready) return;
      if (Date.now() > deadline) break;
      await sleep(pollMs);
    }
    const what = run.hasEnded() ? 'ended at once' : `was not ready in ${readyTimeoutMs / 1000} s`;
    throw this.#failure(what, lastLines(this.#logFile, logStart));
  }

  #failure(what: string, log: string): Error {
    if (/lock file ".*" already exists|shared memory block/.test(log)) return new FolderBusy(log);
    if (this.#plan.tcpPort !== undefined && /could not bind/.test(log)) {
      return new DevDatabaseError('DEV_DB_PORT_TAKEN', `TCP port ${this.port} is in use.`);
    }
    return startFailed(what, log);
  }
}

function startFailed(what: string, log: string): DevDatabaseError {
  return new DevDatabaseError('DEV_DB_START_FAILED', `PostgreSQL ${what}. Its log:\n${log}`);
}

function send(signal: NodeJS.Signals, pid: number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has ended by itself, and we have not heard of it yet.
    if (systemCode(error) !== 'ESRCH') throw error;
  }
}

function settingArguments({ settings, tcpPort }: Plan, socketDir: string): string[] {
  const all = {
    ...settings,
    listen_addresses: tcpPort === undefined ? '' : '127.0.0.1',
    // The setting is a list, so a comma in the path needs quotes.
    unix_socket_directories: `"${socketDir.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
  };
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve, reject) => probe.once('listening', resolve).once('error', reject));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Gives the place where the log of the next start will begin. */
function prepareLog(file: string): number {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size < logMaxBytes) return size;
  truncateSync(file);
  return 0;
}

function lastLines(file: string, from: number): string {
  try {
    const log = readFileSync(file).subarray(from).toString();
    return log.trimEnd().split('\n').slice(-shownLogLines).join('\n');
  } catch {
    return '(there is none)';
  }
}
