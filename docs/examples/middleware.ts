import { AsyncLocalStorage } from 'node:async_hooks';
import { createMillrace, defineJob, discard, type Middleware } from 'millrace';
import { z } from 'zod';

/** Whose job this is, wherever the code asks, as it was where the job was enqueued. */
const tenant = new AsyncLocalStorage<string>();

const tenants: Middleware = {
  enqueue(job, next) {
    const tags = [...(job.options.tags ?? []), `tenant:${tenant.getStore()}`];
    return next({ options: { ...job.options, tags } });
  },
  async attempt(job, next) {
    const tag = job.tags.find((each) => each.startsWith('tenant:'));
    if (tag === undefined) return discard('it belongs to nobody');
    return tenant.run(tag.slice('tenant:'.length), next);
  },
};

/** Says which job failed, and hides what the error says. */
const discreet: Middleware = {
  attempt: ({ kind, id }, next) =>
    next().catch((error: unknown) => {
      const name = error instanceof Error ? error.name : typeof error;
      throw new Error(`${kind} ${id} failed by a ${name}`);
    }),
};

const greet = defineJob({
  kind: 'greet',
  payload: z.object({ name: z.string() }),
  maxAttempts: 1,
  use: [
    {
      // Of one definition the payload is known.
      enqueue: (job, next) => next({ payload: { name: job.payload.name.trim() } }),
    },
  ],
  async handler({ name }) {
    if (name === '') throw new RangeError('nobody to greet');
    console.log(`${tenant.getStore()} greets ${name}`); // prints: acme greets Ada
  },
});

const millrace = createMillrace({ jobs: [greet], use: [tenants, discreet], logger: false });
await millrace.migrate();
await tenant.run('acme', async () => {
  await millrace.enqueueMany([greet.with({ name: ' Ada ' }), greet.with({ name: ' ' })]);
});

millrace.subscribe(({ name, data }) => {
  if (name !== 'attempt:finished' || data.error === null) return;
  console.log(data.error.message); // prints: greet 2 failed by a RangeError
});
await millrace.createWorker().run(); // until SIGTERM
await millrace.close();
