import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createSupervisor, type Supervisor, type SupervisorEvent } from 'millrace/supervisor';
import { compileCache } from '../helpers/compile-cache.ts';
import { brisk, type Fleet } from '../helpers/fleet.ts';
import { HistoryLog } from '../helpers/history-log.ts';
import type { WorkerConfig } from '../helpers/worker-process.ts';
import { quickQueue, slowQueues } from './load.ts';
import { doubtMs, silentForMs } from './plan.ts';

/** What happens to the processes of a supervisor. */
export const crewFaults = [
  'process killed',
  'process killed',
  'frozen for less than the bound',
  'frozen for more than the bound',
  'all replaced',
] as const;

export type CrewFault = (typeof crewFaults)[number];

/** The processes of a supervisor, who starts those again that end. */
export class Crew implements AsyncDisposable {
  readonly supervisor: Supervisor;
  /** How often each thing happened to a process. */
  readonly happened = new Map<SupervisorEvent['name'], number>();
  readonly #log: HistoryLog;
  #isReplacing = false;

  private constructor(fleet: Fleet, processes: number) {
    const config: WorkerConfig = {
      url: fleet.url,
      logFile: fleet.logFile,
      tuning: { ...brisk, silentForMs, graceMs: 2_000, doubtMs },
      concurrency: 6,
      queues: [quickQueue, ...slowQueues],
      stopGraceMs: 500,
      logsErrors: false,
      telemetry: true,
    };
    this.#log = new HistoryLog(fleet.logFile);
    this.supervisor = createSupervisor({
      module: fileURLToPath(new URL('../fixtures/worker.ts', import.meta.url)),
      args: [JSON.stringify(config)],
      execArgv: ['--conditions=@millrace/source'],
      env: { PATH: process.env['PATH'], ...compileCache },
      processes,
      onEvent: (event) => this.#note(event),
    });
  }

  static async start(fleet: Fleet, processes: number): Promise<Crew> {
    const crew = new Crew(fleet, processes);
    await crew.supervisor.start();
    return crew;
  }

  /** @param where Whom of them it hits, from 0 up to 1. */
  async strike(fault: CrewFault, where: number): Promise<void> {
    if (fault === 'all replaced') return this.#replaceAll();
    const { pids } = this.supervisor.status;
    const pid = pids[Math.floor(where * pids.length)];
    if (pid === undefined) return;
    if (fault === 'process killed') return signal(pid, 'SIGKILL');
    signal(pid, 'SIGSTOP');
    const isShort = fault === 'frozen for less than the bound';
    await sleep(isShort ? silentForMs / 2 : 1.5 * silentForMs);
    signal(pid, 'SIGCONT');
  }

  /** Goes on while other things happen. */
  #replaceAll(): void {
    if (this.#isReplacing) return;
    this.#isReplacing = true;
    void this.supervisor.reload().finally(() => (this.#isReplacing = false));
  }

  /** The log hears of a death before anybody else does, who may take over the dead one's jobs. */
  #note(event: SupervisorEvent): void {
    this.happened.set(event.name, (this.happened.get(event.name) ?? 0) + 1);
    const hasEnded = event.name === 'died' || event.name === 'stopped';
    if (hasEnded && event.pid !== undefined) this.#log.write({ what: 'died', process: event.pid });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.supervisor.status.pids) signal(pid, 'SIGCONT');
    await this.supervisor.stop({ now: true });
    this.#log.close();
  }
}

/** It may have ended by itself meanwhile. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
