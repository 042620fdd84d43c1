import { toAttemptError } from '../core/attempt-error.ts';
import type { Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { OnPass } from '../core/health.ts';
import { Loop } from '../core/loop.ts';
import { defaults } from '../core/options.ts';
import type { Service } from '../core/service.ts';
import type { WorkSession } from '../core/storage.ts';
import type { RescueTimes } from '../core/tuning.ts';
import { PartitionKeeper, type Retention } from './partition-keeper.ts';
import { Rescuer } from './rescuer.ts';
import { UnservedWatch } from './unserved.ts';

/**
 * What every process that runs jobs or schedules does on the side, for all: rescue, the history's partitions, and a look
 * for jobs that nobody serves.
 */
export class Maintenance implements Service {
  readonly #loops: readonly Loop[];
  readonly #keeper: PartitionKeeper;
  readonly #rescuer: Rescuer;
  readonly #unserved: UnservedWatch;

  constructor(parts: {
    session: WorkSession;
    clock: Clock;
    random: () => number;
    emit: Emit;
    onPass: OnPass;
    boot: string;
    times: RescueTimes;
    retention: Retention;
  }) {
    const { clock, random, emit, onPass } = parts;
    this.#keeper = new PartitionKeeper(parts);
    this.#rescuer = new Rescuer(parts);
    this.#unserved = new UnservedWatch({ ...parts, isLeader: () => this.#rescuer.isLeader });
    const loop = (name: string, pass: () => Promise<number>) =>
      new Loop({
        pass,
        clock,
        random,
        onPass: (nextInMs) => onPass(name, nextInMs),
        onError: (error) =>
          emit('loop:failed', { loop: name, error: toAttemptError(error, defaults.errorMaxBytes) }),
      });
    this.#loops = [
      loop('partitions', () => this.#keeper.pass()),
      loop('rescue', () => this.#rescuer.pass()),
      loop('unserved', () => this.#unserved.pass()),
    ];
  }

  async start(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.start()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }

  /** A process of this host has certainly ended; see `Rescuer.ended`. */
  processEnded(boot: string): Promise<number> {
    return this.#rescuer.ended(boot);
  }

  async tick(): Promise<void> {
    await this.#keeper.pass();
    await this.#rescuer.pass();
    await this.#unserved.pass();
  }
}
