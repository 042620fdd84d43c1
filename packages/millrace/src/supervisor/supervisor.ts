import { pause } from '../core/clock.ts';
import { checkOptions, supervisorChecks } from '../core/options.ts';
import { systemClock } from '../system-clock.ts';
import { Child, type ChildCommand, type ChildUsage } from './child.ts';
import type { CombinedMetrics } from './combined-metrics.ts';
import { ifPromClient } from './prom-client.ts';
import { serveHealth, type HealthServer, type Verdict } from './health-server.ts';
import { recoveredMs, restartDelayMs } from './restart-delay.ts';

/** What `createSupervisor` takes. */
export interface SupervisorOptions {
  /** The program of each process, as `fork` of Node.js takes it. It calls `joinSupervisor`. */
  readonly module: string | URL;
  readonly args?: readonly string[];
  /** Options of Node.js for the processes. Default: those of this one. */
  readonly execArgv?: readonly string[];
  /** Default: the environment of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** How many processes. */
  readonly processes: number;
  /** A process whose resident memory exceeds this many bytes is replaced. Default: none is. */
  readonly maxMemoryBytes?: number;
  /** A process that has finished this many attempts is replaced. Default: none is. */
  readonly maxJobs?: number;
  /** How long a new process may take until it is ready, before a replacement is given up. Default 60,000 ms. */
  readonly readyWithinMs?: number;
  /**
   * Where to serve `/livez`, `/readyz` and, if prom-client is installed, `/metrics`, such as `127.0.0.1:9464`. Default: nowhere.
   */
  readonly listen?: string;
  /** Hears what happens. */
  readonly onEvent?: (event: SupervisorEvent) => void;
}

/** What happens to the processes. */
export type SupervisorEvent =
  | { readonly name: 'ready'; readonly pid: number | undefined }
  /** One ended without having been asked to; it starts again after the delay. */
  | {
      readonly name: 'died';
      readonly pid: number | undefined;
      readonly how: string;
      /** False: it had not even begun to work. */
      readonly wasReady: boolean;
      readonly restarts: number;
      readonly delayMs: number;
    }
  /** `by` is ready, and the other one stops. */
  | {
      readonly name: 'replaced';
      readonly pid: number | undefined;
      readonly by: number | undefined;
      readonly because: string;
    }
  /** One that was asked to stop has ended, as `reload`, `stop` and the limits ask it; null given back: it did not say so. */
  | {
      readonly name: 'stopped';
      readonly pid: number | undefined;
      readonly how: string;
      readonly givenBack: number | null;
    }
  /** The new one did not become ready; the old one goes on. */
  | {
      readonly name: 'kept';
      readonly pid: number | undefined;
      readonly because: string;
      readonly reason: string;
    };

/** How the processes ended, all together. */
export interface SupervisorStopped {
  /** Jobs that had begun and were given back. */
  readonly givenBack: number;
  /** Processes that ended without saying so: their jobs are rescued by others. */
  readonly lost: number;
}

interface Slot {
  child: Child;
  failures: number;
  /** Under way or waiting. */
  replacements: number;
}

/** More than a process takes whose database does not answer. */
const answerWithinMs = 3_000;

/** How often one that takes its time to stop is asked whether it still lives. */
const askEachMs = 1_000;

/** Keeps a number of processes running. See decision 0017. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #command: ChildCommand;
  readonly #slots: Slot[] = [];
  readonly #all = new Set<Child>();
  readonly #stopping = new AbortController();
  /** Boots of which nobody could be told yet. */
  readonly #untold = new Set<string>();
  #replacing: Promise<void> = Promise.resolve();
  #restarts = 0;
  #givenBack = 0;
  #lost = 0;
  #replacements = 0;
  #metrics: CombinedMetrics<Child> | undefined;
  #server: HealthServer | undefined;

  constructor(options: SupervisorOptions) {
    checkOptions(supervisorChecks, options, 'createSupervisor');
    this.#options = options;
    const { module, args = [], execArgv, env = process.env } = options;
    this.#command = { module, args, execArgv, env };
  }

  /** Starts the processes. Resolves when each has become ready or has failed once. @throws what listening throws */
  async start(): Promise<void> {
    const { listen, processes } = this.#options;
    if (listen !== undefined) {
      const combined = await ifPromClient(import('./combined-metrics.ts'));
      this.#metrics = combined && new combined.CombinedMetrics();
      this.#server = await serveHealth(listen, {
        live: async () => ({ ok: true, text: 'ok' }),
        ready: () => this.#verdict(),
        ...(combined && { metrics: () => this.#page() }),
      });
    }
    for (let index = 0; index < processes; index++) {
      const slot: Slot = {
        child: this.#spawn(() => slot),
        failures: 0,
        replacements: 0,
      };
      this.#slots.push(slot);
      this.#watch(slot, slot.child);
    }
    await Promise.all(this.#slots.map(({ child }) => child.ready));
  }

  /** The process ids, and how often one was started again after it had died. */
  get status(): { readonly pids: readonly number[]; readonly restarts: number } {
    const pids = [...this.#all].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
    return { pids, restarts: this.#restarts };
  }

  /** Where health is served, or undefined. */
  get address(): string | undefined {
    return this.#server?.address;
  }

  /** Replaces all processes, one after the other: each new one is ready before the old one stops. */
  async reload(because = 'reload'): Promise<void> {
    await Promise.all(this.#slots.map((slot) => this.#replaceLater(slot, because)));
  }

  /** Asks all processes to stop, with `now` without grace, and resolves when they have ended. It may be called again. */
  async stop({ now = false }: { readonly now?: boolean } = {}): Promise<SupervisorStopped> {
    this.#stopping.abort();
    for (const child of this.#all) child.stop(now);
    await Promise.all([...this.#all].map(({ ended }) => ended));
    await this.#replacing;
    await this.#server?.close();
    return { givenBack: this.#givenBack, lost: this.#lost };
  }

  #spawn(slotOf: () => Slot): Child {
    const child: Child = new Child(this.#command, systemClock, (usage) => {
      const slot = slotOf();
      const because = this.#overLimit(usage);
      if (because !== undefined && slot.replacements === 0 && slot.child === child && child.isReady)
        void this.#replaceLater(slot, because);
    });
    this.#all.add(child);
    void child.ready.then((isReady) => {
      if (!isReady) return;
      this.#emit({ name: 'ready', pid: child.pid });
      for (const boot of this.#untold) child.send({ type: 'ended', boot });
      this.#untold.clear();
    });
    void child.ended.then((how) => this.#bury(child, how));
    return child;
  }

  #overLimit({ rssBytes, jobs }: ChildUsage): string | undefined {
    const { maxMemoryBytes, maxJobs } = this.#options;
    if (maxMemoryBytes !== undefined && rssBytes > maxMemoryBytes)
      return `it uses ${Math.round(rssBytes / 2 ** 20)} MiB`;
    return maxJobs !== undefined && jobs >= maxJobs ? `it has run ${jobs} jobs` : undefined;
  }

  /** Whoever has ended without a word has left jobs behind; the others hear of it at once. */
  #bury(child: Child, how: string): void {
    this.#all.delete(child);
    const { pid, givenBack } = child;
    if (child.isStopping) this.#emit({ name: 'stopped', pid, how, givenBack });
    if (child.counts !== undefined) this.#metrics?.heard(child, child.counts);
    this.#metrics?.ended(child);
    // How the supervisor's own stop went is not about processes that were replaced days ago.
    if (this.#stopping.signal.aborted) this.#givenBack += child.givenBack ?? 0;
    const { boot } = child;
    if (child.givenBack !== null || boot === undefined) return;
    if (this.#stopping.signal.aborted) this.#lost++;
    const others = [...this.#all].filter(({ isReady }) => isReady);
    if (others.length === 0) this.#untold.add(boot);
    for (const other of others) other.send({ type: 'ended', boot });
  }

  #watch(slot: Slot, child: Child): void {
    void child.ended.then((how) => {
      if (slot.child !== child || child.isStopping || this.#stopping.signal.aborted) return;
      void this.#restart(slot, child, how);
    });
  }

  async #restart(slot: Slot, child: Child, how: string): Promise<void> {
    const ranMs = systemClock.monotonicMs() - child.startedMs;
    slot.failures = child.isReady && ranMs >= recoveredMs ? 1 : slot.failures + 1;
    this.#restarts++;
    const delayMs = restartDelayMs(slot.failures);
    const { pid, isReady: wasReady } = child;
    this.#emit({ name: 'died', pid, how, wasReady, restarts: slot.failures, delayMs });
    await pause(systemClock, delayMs, this.#stopping.signal);
    // One that was to replace it may have become ready meanwhile.
    if (this.#stopping.signal.aborted || slot.child !== child) return;
    slot.child = this.#spawn(() => slot);
    this.#watch(slot, slot.child);
  }

  /** One replacement at a time, so that at most one process more runs than was asked for. */
  #replaceLater(slot: Slot, because: string): Promise<void> {
    slot.replacements++;
    this.#replacing = this.#replacing
      .then(() => this.#replace(slot, because))
      .finally(() => slot.replacements--);
    return this.#replacing;
  }

  async #replace(slot: Slot, because: string): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const child = this.#spawn(() => slot);
    const { readyWithinMs = 60_000 } = this.#options;
    const given = new AbortController();
    const late = pause(systemClock, readyWithinMs, given.signal).then(() => 'late' as const);
    const isReady = await Promise.race([child.ready, late]);
    given.abort();
    if (this.#stopping.signal.aborted) return;
    const old = slot.child;
    if (isReady !== true) {
      const reason =
        isReady === 'late'
          ? `it was not ready within ${readyWithinMs} ms`
          : `it ended with ${await child.ended}`;
      child.stop(true);
      this.#emit({ name: 'kept', pid: old.pid, because, reason });
      return;
    }
    slot.child = child;
    slot.failures = 0;
    this.#replacements++;
    this.#watch(slot, child);
    this.#emit({ name: 'replaced', pid: old.pid, by: child.pid, because });
    old.stop(false);
    await untilGone(old);
  }

  /** Everything that is wrong, in one line. */
  async #verdict(): Promise<Verdict> {
    if (this.#stopping.signal.aborted) return { ok: false, text: 'stopping' };
    const reasons = await Promise.all(
      this.#slots.map(async ({ child, failures }) => {
        if (child.hasEnded)
          return [`a process has died ${failures} times and waits to start again`];
        if (!child.isReady) return [`process ${child.pid} is not ready yet`];
        const health = await child.health(answerWithinMs);
        if (health === undefined)
          return [
            `process ${child.pid} does not answer: its event loop stands still, or it has died`,
          ];
        return health.reasons.map((reason) => `process ${child.pid}: ${reason}`);
      }),
    );
    const all = reasons.flat();
    return all.length === 0
      ? { ok: true, text: `ok: ${this.#slots.length} processes, ${this.#restarts} restarts` }
      : { ok: false, text: all.join('; ') };
  }

  /** Those that do not answer count with what they last said. */
  async #page(): Promise<{ readonly type: string; readonly text: string }> {
    const combined = this.#metrics;
    if (combined === undefined) throw new Error('There are no metrics before the start.');
    const ready = [...this.#all].filter(({ isReady }) => isReady);
    await Promise.all(
      ready.map(async (child) => {
        const metrics = await child.metrics(answerWithinMs);
        if (metrics !== undefined && !child.hasEnded) combined.heard(child, metrics);
      }),
    );
    const text = await combined.page({
      ready: ready.filter(({ isStopping }) => !isStopping).length,
      restarts: this.#restarts,
      replacements: this.#replacements,
    });
    return { type: combined.contentType, text };
  }

  #emit(event: SupervisorEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** Waits for the end of one that stops, but not for one that does not even answer: the others would never be replaced. */
async function untilGone(child: Child): Promise<void> {
  while (!child.hasEnded) {
    const given = new AbortController();
    await Promise.race([child.ended, pause(systemClock, askEachMs, given.signal)]);
    given.abort();
    if ((await child.health(answerWithinMs)) === undefined) return;
  }
}

/**
 * Makes a supervisor; nothing runs before `start`. It listens for no signals: the program decides what they mean.
 * @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID
 */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  return new Supervisor(options);
}
