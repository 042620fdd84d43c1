import { once } from 'node:events';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { errorResponse, jobStatus, millrace, prepare, signUp } from '../sign-ups.ts';

const app = new Hono();

app.post('/sign-ups', async (c) => {
  const { email } = await c.req.json<{ email?: unknown }>();
  return c.json({ jobId: await signUp(email) }, 202);
});

app.get('/jobs/:id', async (c) => {
  const job = await jobStatus(c.req.param('id'));
  return job ? c.json(job) : c.notFound();
});

app.onError((error) => {
  const { status, body } = errorResponse(error);
  return Response.json(body, { status });
});

await prepare();
const worker = millrace.createWorker();
await worker.start();
const port = Number(process.env['PORT'] ?? 3000);
const server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' });
await once(server, 'listening');
console.log(`listening on http://127.0.0.1:${port}`);

await once(process, 'SIGTERM');
server.close();
await worker.stop(); // what runs may finish; what does not is given back
await millrace.close();
