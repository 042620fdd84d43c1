/**
 * Two orders with everything plugged in: logs by pino while they run; then the trace of the first as a tree, the report
 * of the second to Sentry, and the page that Prometheus would read. Nothing leaves this process.
 */
import * as Sentry from '@sentry/node';
import { startDevDatabase } from '@millrace/dev-db';
import { createMillrace } from 'millrace';
import { opentelemetry } from 'millrace/opentelemetry';
import { prometheus } from 'millrace/prometheus';
import { sentry } from 'millrace/sentry';
import { pino } from 'pino';
import { charge, sendReceipt } from './jobs.ts';
import { startSdk } from './sdk.ts';
import { startSentry } from './sentry-stub.ts';
import { traceTree } from './trace-tree.ts';

const sdk = startSdk();
const sent = startSentry();

await using database = await startDevDatabase({ ephemeral: true, fast: true });
await using millrace = createMillrace({
  connection: database.url,
  jobs: [charge, sendReceipt],
  logger: pino({ base: null }),
});
await millrace.migrate();
const metrics = millrace.attach(prometheus());
// One trace from the request to the last attempt; the default is a trace for each attempt, linked to where it came from.
millrace.attach(opentelemetry({ trace: 'parent' }));
millrace.attach(sentry(Sentry));

for (const card of ['good', 'stolen']) {
  await sdk.within(`POST /orders (${card} card)`, async () => {
    await millrace.enqueue(charge, { card, email: 'ada@example.org' });
  });
}
const worker = millrace.createWorker();
while ((await worker.tick()) > 0);
// Subscribers get their turn after the engine.
await new Promise((resolve) => setImmediate(resolve));

const spans = sdk.finished();
const [first] = spans.filter(({ name }) => name.includes('good card'));
console.log(`\nOne trace\n\n${traceTree(spans, first?.spanContext().traceId)}`);

await Sentry.flush(2_000);
const report = sent.events.find(({ level }) => level === 'error');
const { level, tags, fingerprint, contexts, exception } = report ?? {};
const { type, value } = exception?.values?.[0] ?? {};
const shown = { level, type, value, tags, fingerprint, job: contexts?.['job'] };
console.log(`\nOne report to Sentry\n\n${JSON.stringify(shown, null, 2)}`);

console.log(`\nThe page of metrics\n\n${await metrics.text()}`);
await worker.stop();
