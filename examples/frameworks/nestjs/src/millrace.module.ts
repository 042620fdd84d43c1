import {
  Global,
  Inject,
  Module,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import type { Millrace, Worker } from 'millrace';
import { millrace, prepare } from '../../sign-ups.ts';

/** What `@Inject(MILLRACE)` asks for. */
export const MILLRACE = Symbol('millrace');
const WORKER = Symbol('millrace worker');

/** Gives the one `Millrace` of the application by injection, and runs its jobs between bootstrap and shutdown. */
@Global()
@Module({
  providers: [
    { provide: MILLRACE, useValue: millrace },
    {
      provide: WORKER,
      inject: [MILLRACE],
      useFactory: (injected: Millrace): Worker => injected.createWorker(),
    },
  ],
  exports: [MILLRACE],
})
export class MillraceModule
  implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  @Inject(MILLRACE) private readonly queue!: Millrace;
  @Inject(WORKER) private readonly worker!: Worker;

  async onApplicationBootstrap() {
    await prepare();
    await this.worker.start();
  }

  /** Other providers still live: a handler that runs may use them to its end. What does not finish is given back. */
  async beforeApplicationShutdown() {
    await this.worker.stop();
  }

  async onApplicationShutdown() {
    await this.queue.close();
  }
}
