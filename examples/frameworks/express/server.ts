import { once } from 'node:events';
import express, { type ErrorRequestHandler, type Request } from 'express';
import { errorResponse, jobStatus, millrace, prepare, signUp } from '../sign-ups.ts';

const app = express();
app.use(express.json());

// Express 5 passes a rejected promise on to the error handler.
app.post(
  '/sign-ups',
  async (request: Request<object, object, { email?: unknown } | undefined>, response) => {
    response.status(202).json({ jobId: await signUp(request.body?.email) });
  },
);

app.get('/jobs/:id', async (request, response) => {
  const job = await jobStatus(request.params.id);
  if (job) response.json(job);
  else response.sendStatus(404);
});

const answerError: ErrorRequestHandler = (error, _request, response, _next) => {
  const { status, body } = errorResponse(error);
  response.status(status).json(body);
};
app.use(answerError);

await prepare();
const worker = millrace.createWorker();
await worker.start();
const port = Number(process.env['PORT'] ?? 3000);
const server = app.listen(port, '127.0.0.1');
await once(server, 'listening');
console.log(`listening on http://127.0.0.1:${port}`);

await once(process, 'SIGTERM');
server.close();
await worker.stop(); // what runs may finish; what does not is given back
await millrace.close();
