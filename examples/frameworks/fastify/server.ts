import Fastify, { type FastifyError } from 'fastify';
import { errorResponse, jobStatus, millrace, prepare, signUp } from '../sign-ups.ts';

const app = Fastify();
const worker = millrace.createWorker();

app.addHook('onReady', async () => {
  await prepare();
  await worker.start();
});
app.addHook('onClose', async () => {
  await worker.stop(); // what runs may finish; what does not is given back
  await millrace.close();
});

app.post<{ Body: { email?: string } | undefined }>('/sign-ups', async (request, reply) => {
  const jobId = await signUp(request.body?.email);
  return reply.status(202).send({ jobId });
});

app.get<{ Params: { id: string } }>('/jobs/:id', async (request, reply) => {
  const job = await jobStatus(request.params.id);
  return job ?? reply.status(404).send();
});

app.setErrorHandler<FastifyError>(async (error, _request, reply) => {
  // Fastify itself refuses what is no JSON.
  if (error.statusCode === 400) return reply.status(400).send({ error: error.message });
  const { status, body } = errorResponse(error);
  return reply.status(status).send(body);
});

process.once('SIGTERM', () => void app.close());
console.log(`listening on ${await app.listen({ port: Number(process.env['PORT'] ?? 3000) })}`);
