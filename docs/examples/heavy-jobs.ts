import { createHash } from 'node:crypto';
import { createMillrace, defineJob } from 'millrace';

export const crunch = defineJob({
  kind: 'crunch',
  isolate: 'thread',
  handler(_payload, { progress }) {
    let hash = '';
    for (let round = 1; round <= 50_000; round += 1) {
      hash = createHash('sha256').update(hash).digest('hex');
      progress(round / 500, `round ${round}`);
    }
    return hash;
  },
});

export const endless = defineJob({
  kind: 'endless',
  isolate: 'process',
  timeout: '1s',
  maxAttempts: 1,
  handler() {
    for (;;);
  },
});

// The thread and the process import this file as well; only the program itself goes on here.
if (import.meta.main) {
  const millrace = createMillrace({ jobs: [crunch, endless], logger: false });
  await millrace.migrate();
  const { id } = await millrace.enqueue(crunch);
  await millrace.enqueue(endless);

  async function showProgress() {
    const { progress } = (await millrace.get(id)) ?? {};
    console.log(`${progress?.percent} %, ${progress?.note}`); // prints: 100 %, round 50000
  }
  millrace.subscribe(({ name, data }) => {
    if (name !== 'attempt:finished') return;
    console.log(`${data.kind}: ${data.state} ${data.error?.code ?? ''}`);
    // prints: endless: discarded MILLRACE_ATTEMPT_TIMEOUT
    if (data.kind === 'crunch') void showProgress();
  });
  await millrace.createWorker().run();
  await millrace.close();
}
