import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { delimiter, dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createTestDatabase } from '../helpers/database.ts';
import { until } from '../helpers/until.ts';
import { frameworks } from './frameworks.ts';

const repository = resolve(import.meta.dirname, '../..');

describe.each(frameworks)('the example with $name', ({ folder, separateWorker, end }) => {
  it('signs up with a job in the same transaction, runs it, refuses bad input and stops at SIGTERM', async () => {
    await using database = await createTestDatabase({ template: 'template0' });
    const port = await freePort();
    const env = { DATABASE_URL: database.url, PORT: String(port) };
    const url = `http://127.0.0.1:${port}`;
    await using server = startScript(folder, 'start', env);
    await until(`answers at ${url}`, () => server.ended() || answers(url));
    await using worker = separateWorker ? startScript(folder, 'worker', env) : undefined;

    const accepted = await post(`${url}/sign-ups`, { email: 'ada@example.com' });
    expect(accepted.status).toBe(202);
    const jobId = String(accepted.body['jobId']);
    await until('the job has run', async () => {
      const job = await get(`${url}/jobs/${jobId}`);
      return job.body['state'] === 'completed';
    });

    const refused = await post(`${url}/sign-ups`, { email: 'not an address' });
    expect(refused.status).toBe(400);
    expect(refused.body['error']).toContain('email');
    expect((await send(`${url}/sign-ups`, { method: 'POST', body: '{' })).status).toBe(400);
    expect((await get(`${url}/jobs/999999`)).status).toBe(404);
    expect(await database.query('SELECT email FROM users')).toEqual([{ email: 'ada@example.com' }]);

    expect(await server.stop()).toBe(end);
    if (worker) expect(await worker.stop()).toBe('exit code 0');
    expect(await database.query(`SELECT state FROM millrace.jobs`)).toEqual([
      { state: 'completed' },
    ]);
  });
});

/** Runs a script of the folder's package.json without npm, which would stand between us and its signals. */
function startScript(folder: string, script: string, env: Readonly<Record<string, string>>) {
  const cwd = join(repository, folder);
  const { scripts } = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8')) as {
    scripts: Readonly<Record<string, string>>;
  };
  const path = [join(cwd, 'node_modules/.bin'), dirname(process.execPath), process.env['PATH']];
  const child = spawn('sh', ['-c', `exec ${scripts[script]}`], {
    cwd,
    env: {
      ...env,
      PATH: path.join(delimiter),
      NODE_ENV: 'production',
      NEXT_TELEMETRY_DISABLED: '1',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const closed = new Promise<string>((done) =>
    child.once('close', (code, signal) => done(signal ?? `exit code ${code}`)),
  );
  const stop = async () => {
    child.kill('SIGTERM');
    return closed;
  };
  return {
    ended: () => child.exitCode !== null,
    stop,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}

async function send(url: string, request: RequestInit) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { ...request, headers });
  const body: unknown = await response.json().catch(() => ({}));
  return { status: response.status, body: body as Record<string, unknown> };
}

const get = (url: string) => send(url, {});
const post = (url: string, body: object) =>
  send(url, { method: 'POST', body: JSON.stringify(body) });
