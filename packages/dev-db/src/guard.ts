import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverEnvironment } from './environment.ts';
import { DevDatabaseError } from './errors.ts';
import { isAlive } from './pid-file.ts';
import type { ServerUser } from './server-user.ts';

/**
 * The parent of the server: a shell that holds one end of a pipe whose other end only we hold. The system closes the
 * pipe when we end in whatever way, SIGKILL included, and the shell then stops the server. Each line that we write
 * names a port and starts the server once; the shell answers with `pid <number>` and later `exit`.
 *
 * The loop that waits for our death stops the server harder and harder, wakes a suspended one, and works even when the
 * shell around it was killed. It must be gone before the next line is written, or it would take that line for itself.
 */
const script = `
trap '' PIPE HUP
exec 3<&0
log=$1 rubbish=$2 stop=$3
shift 3
while read -r port <&3; do
  "$@" -p "$port" </dev/null >>"$log" 2>&1 3<&- &
  server=$!
  (
    read -r _ <&3
    for signal in "$stop" QUIT KILL; do
      kill -"$signal" "$server"
      kill -CONT "$server"
      for _ in 1 2 3 4 5; do
        sleep 1
        kill -0 "$server" || exit
      done
    done
  ) >/dev/null 2>&1 &
  watch=$!
  echo "pid $server"
  wait "$server"
  kill "$watch" 2>/dev/null
  wait "$watch"
  echo exit
done
test -z "$rubbish" || rm -rf -- "$rubbish"
`;

const pollMs = 20;

export interface GuardOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly user: ServerUser | undefined;
  /** How the server is stopped when this process dies. */
  readonly signal: 'INT' | 'QUIT';
  /** What is removed when this process dies or releases the guard. */
  readonly rubbish: string | undefined;
}

export interface Run {
  readonly pid: number;
  readonly ended: Promise<void>;
  readonly hasEnded: () => boolean;
}

export class Guard {
  readonly #shell: ChildProcessByStdio<Writable, Readable, null>;
  readonly #gone = Promise.withResolvers<Error>();
  #pid: number | undefined;
  #onPid: (pid: number) => void = () => {};
  #onEnd: () => void = () => {};

  constructor({ command, args, logFile, user, signal, rubbish }: GuardOptions) {
    const parameters = ['millrace-dev-db', logFile, rubbish ?? '', signal, command, ...args];
    this.#shell = spawn('sh', ['-c', script, ...parameters], {
      ...user,
      cwd: '/',
      env: serverEnvironment(),
      // A group of its own: Ctrl-C must reach the workers, not take the database away from under them.
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    createInterface({ input: this.#shell.stdout }).on('line', (line) => this.#hear(line));
    this.#shell.once('error', this.#gone.resolve);
    this.#shell.once('exit', () => this.#gone.resolve(new Error('The guard was killed.')));
    this.#shell.stdin.on('error', () => {});
    void this.#gone.promise.then(() => this.#watchWithoutGuard());
    this.#letOwnerExit();
  }

  /** A forgotten `stop()` must not keep the owner alive; its exit stops the server anyway. */
  #letOwnerExit(): void {
    this.#shell.unref();
    for (const end of [this.#shell.stdin, this.#shell.stdout] as unknown as Socket[]) end.unref();
  }

  #hear(line: string): void {
    if (line === 'exit') {
      this.#pid = undefined;
      this.#onEnd();
    } else {
      this.#pid = Number(line.slice('pid '.length));
      this.#onPid(this.#pid);
    }
  }

  /** Somebody killed the shell; then only the process table tells when the server ends. */
  async #watchWithoutGuard(): Promise<void> {
    while (this.#pid !== undefined && isAlive(this.#pid)) {
      await sleep(pollMs, undefined, { ref: false });
    }
    this.#onEnd();
  }

  /** Starts the server; only while none runs. */
  async run(port: number): Promise<Run> {
    const ended = Promise.withResolvers<void>();
    const started = Promise.withResolvers<number>();
    let hasEnded = false;
    this.#onPid = started.resolve;
    this.#onEnd = () => {
      hasEnded = true;
      ended.resolve();
    };
    this.#shell.stdin.write(`${port}\n`);
    void this.#gone.promise.then((cause) => {
      started.reject(
        new DevDatabaseError('DEV_DB_START_FAILED', `PostgreSQL lost its guard: ${cause.message}`, {
          cause,
        }),
      );
    });
    const pid = await keepAlive(started.promise);
    return { pid, ended: ended.promise, hasEnded: () => hasEnded };
  }

  /** Lets the shell go, which stops a server that still runs. */
  async release(): Promise<void> {
    this.#shell.stdin.end();
    await keepAlive(this.#gone.promise);
  }
}

/** Nothing of the guard holds the process, so a wait for it has to. */
export async function keepAlive<T>(promise: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, 60_000);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}
