import { createServer, type ServerResponse } from 'node:http';
import { createMillrace, defineJob } from 'millrace';
import { opentelemetry } from 'millrace/opentelemetry';
import { prometheus } from 'millrace/prometheus';

const sendReceipt = defineJob({ kind: 'send-receipt', async handler() {} });

const millrace = createMillrace({ jobs: [sendReceipt], logger: false });
const metrics = millrace.attach(prometheus());
millrace.attach(opentelemetry()); // by the SDK that this process has registered, if any

async function serve(response: ServerResponse) {
  response.setHeader('content-type', metrics.contentType).end(await metrics.text());
}
const server = createServer((_request, response) => void serve(response));
server.listen(Number(process.env['METRICS_PORT'] ?? 0), '127.0.0.1');

await millrace.migrate();
await millrace.enqueue(sendReceipt);
async function print() {
  console.log(await metrics.text()); // prints: millrace_jobs_claimed_total 1
}
millrace.subscribe(({ name }) => {
  if (name === 'settle:written') void print();
});
await millrace.createWorker().run(); // until SIGTERM
server.close();
await millrace.close();
