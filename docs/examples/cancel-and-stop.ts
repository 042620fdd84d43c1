import { setTimeout as wait } from 'node:timers/promises';
import { createMillrace, defineJob } from 'millrace';

const longExport = defineJob({
  kind: 'long-export',
  async handler(_payload, { signal }) {
    for (let page = 1; page <= 1_000; page += 1) {
      signal.throwIfAborted(); // cancelled, out of time, or the process is stopping
      await wait(50, undefined, { signal });
    }
  },
});

const millrace = createMillrace({ jobs: [longExport], logger: false });
await millrace.migrate();
const { id } = await millrace.enqueue(longExport);

async function cancelExport() {
  const { status } = await millrace.cancel(id, { reason: 'not needed any more' });
  console.log(status); // prints: requested
}
millrace.subscribe(({ name, data }) => {
  if (name === 'attempt:started') void cancelExport();
  if (name === 'attempt:finished') console.log(data.state); // prints: cancelled
});

const worker = millrace.createWorker({ stopGrace: '10s' });
const { givenBack } = await worker.run(); // until SIGTERM; the grace, then the signal, then back into the queue
process.exitCode = givenBack === 0 ? 0 : 1;
await millrace.close();
