import type { ChildProcess } from 'node:child_process';
import type { Worker as Thread } from 'node:worker_threads';
import type { FromIsolate, ToIsolate } from './messages.ts';

/** How a vessel ended, in words that go on after "the thread or process of the job ended ". */
export interface VesselEnd {
  readonly how: string;
  readonly cause?: Error;
}

/** A thread or process that runs one job at a time. */
export interface Vessel {
  /** Whether it takes a job. */
  readonly isAlive: boolean;
  send(message: ToIsolate): void;
  /** Ends it, whatever it does; `onEnd` follows. */
  kill(): void;
  /** Whether it keeps this process alive. */
  keepAlive(does: boolean): void;
  /** Answers with a function that ends it. */
  listen(onMessage: (message: FromIsolate) => void, onEnd: (end: VesselEnd) => void): () => void;
}

export function processVessel(child: ChildProcess, memoryMb: number): Vessel {
  // Without a listener an error event would end this process.
  child.on('error', () => {});
  return {
    get isAlive() {
      return child.connected;
    },
    send(message) {
      // One that is gone is told of by its exit.
      if (child.connected) child.send(message, () => {});
    },
    kill: () => void child.kill('SIGKILL'),
    keepAlive(does) {
      if (does) {
        child.ref();
        child.channel?.ref();
      } else {
        child.unref();
        child.channel?.unref();
      }
    },
    listen(onMessage, onEnd) {
      const exited = (code: number | null, killedBy: NodeJS.Signals | null) => {
        const how = killedBy === null ? `with exit code ${code}` : `by ${killedBy}`;
        const memory =
          killedBy === 'SIGABRT' ? `; it may have needed more than ${memoryMb} MiB` : '';
        onEnd({ how: `${how}${memory}` });
      };
      const failed = (cause: Error) => {
        // One that was never started has no exit.
        if (child.pid === undefined) onEnd({ how: `before it began: ${cause.message}`, cause });
      };
      child.on('message', onMessage).on('exit', exited).on('error', failed);
      return () => void child.off('message', onMessage).off('exit', exited).off('error', failed);
    },
  };
}

export function threadVessel(thread: Thread, memoryMb: number): Vessel {
  let isAlive = true;
  let error: Error | undefined;
  // What nothing caught, also between two jobs; the exit follows.
  thread.on('error', (cause: Error) => (error = cause));
  thread.once('exit', () => (isAlive = false));
  return {
    get isAlive() {
      return isAlive;
    },
    send: (message) => thread.postMessage(message),
    kill: () => void thread.terminate(),
    keepAlive(does) {
      if (does) thread.ref();
      else thread.unref();
    },
    listen(onMessage, onEnd) {
      const exited = (code: number) => {
        if (error === undefined) return onEnd({ how: `with exit code ${code}` });
        const isMemory = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
        const how = isMemory ? `for it needed more than ${memoryMb} MiB` : `by ${error.message}`;
        onEnd({ how, cause: error });
      };
      thread.on('message', onMessage).on('exit', exited);
      return () => void thread.off('message', onMessage).off('exit', exited);
    },
  };
}
