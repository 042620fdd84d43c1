import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { json, text } from 'node:stream/consumers';
import { createMillrace } from 'millrace';
import { driveClock } from 'millrace/testing';
import { describe, expect, it } from 'vitest';
import { formatDuration } from '../../packages/millrace/src/core/duration.ts';
import { defaults } from '../../packages/millrace/src/core/options.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { until } from '../helpers/until.ts';

const repository = resolve(import.meta.dirname, '../..');
const readme = readFileSync(join(repository, 'README.md'), 'utf8');
const examples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);

/** The first example as a file of a project that has installed Millrace. */
function createExample(): { directory: string; file: string } & Disposable {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-readme-'));
  symlinkSync(join(repository, 'node_modules'), join(directory, 'node_modules'));
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  for (const [index, code] of examples.entries()) {
    writeFileSync(join(directory, `example-${index}.ts`), code);
  }
  const remove = () => rmSync(directory, { recursive: true, force: true });
  return { directory, file: join(directory, 'example-0.ts'), [Symbol.dispose]: remove };
}

/** The mail service of the example: what was asked of it, and its address. */
async function startMailApi(): Promise<{ url: string; mails: unknown[] } & AsyncDisposable> {
  const mails: unknown[] = [];
  const server = createServer((request, response) => {
    void json(request).then((mail) => {
      mails.push(mail);
      response.writeHead(mails.length === 1 ? 503 : 200).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    mails,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

describe('the README', () => {
  it('opens with an example that does what it says', async () => {
    await using database = await createTestDatabase();
    await using mailApi = await startMailApi();
    using example = createExample();
    await database.query('CREATE TABLE users (email text)');
    await using clock = await driveClock(database.url);
    const child = spawn(process.execPath, ['--conditions=@millrace/source', example.file], {
      env: { DATABASE_URL: database.url, MAIL_API: mailApi.url },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const stderr = text(child.stderr);
    const ended = once(child, 'exit');
    await using millrace = createMillrace({ connection: database.url });
    const state = async () => (await millrace.list()).jobs.map((job) => job.state).join();
    try {
      await until('the job waits', async () => (await state()) === 'scheduled');
      expect(await database.query('SELECT email FROM users')).toEqual([
        { email: 'ada@example.com' },
      ]);
      await clock.advance('10s');
      await until('the first attempt fails', async () => (await state()) === 'retryable');
      await clock.advance('20s');
      await until('the second one works', async () => (await state()) === 'completed');
    } finally {
      child.kill('SIGTERM');
      await ended;
    }
    expect(mailApi.mails).toEqual(
      Array.from({ length: 2 }, () => ({ to: 'ada@example.com', subject: 'Welcome' })),
    );
    expect(await stderr).toContain('the mail service said 503');
    expect(child.exitCode).toBe(0);
  });

  it('has examples without an error of types', () => {
    using example = createExample();
    const options = {
      strict: true,
      noEmit: true,
      target: 'es2023',
      lib: ['es2024', 'esnext.disposable'],
      module: 'nodenext',
      types: ['node'],
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      customConditions: ['@millrace/source'],
    };
    const config = { compilerOptions: options, include: ['example-*.ts'] };
    writeFileSync(join(example.directory, 'tsconfig.json'), JSON.stringify(config));
    const compile = () =>
      execFileSync('tsc', ['-p', example.directory], {
        encoding: 'utf8',
        env: {
          ...process.env,
          PATH: `${join(repository, 'node_modules/.bin')}:${process.env['PATH']}`,
        },
      });
    expect(compile()).toBe('');
    expect(examples).toHaveLength(2);
  });

  it('lists the defaults that hold', () => {
    const bytes = (count: number) =>
      count % 1_048_576 === 0 ? `${count / 1_048_576} MiB` : `${count / 1_024} KiB`;
    const { retry } = defaults;
    const listed = Object.fromEntries(
      [...readme.matchAll(/^\| `(\w+)` \| (.*?) \|/gm)].map(([, name = '', value]) => [
        name,
        value,
      ]),
    );
    expect(listed).toEqual({
      schema: `\`${defaults.schema}\``,
      payloadMaxBytes: bytes(defaults.payloadMaxBytes),
      resultMaxBytes: bytes(defaults.resultMaxBytes),
      completedRetention: formatDuration(defaults.completedRetentionMs),
      failedRetention: formatDuration(defaults.failedRetentionMs),
      queue: `\`${defaults.queue}\``,
      priority: `${defaults.priority}`,
      maxAttempts: `${defaults.maxAttempts}`,
      retry: `\`exponential()\`: ${formatDuration(retry.firstMs)} × ${retry.factor}, at most ${formatDuration(retry.capMs)}, ±${retry.jitter * 100} %`,
      timeout: 'none',
      history: `\`${defaults.history}\``,
      missed: '`skip` for intervals, `once` for cron',
      concurrency: `${defaults.concurrency}`,
      stopGrace: formatDuration(defaults.stopGraceMs),
    });
    expect(readme).toContain(
      `at most ${defaults.attemptsShown} failed attempts are shown, each error with at most ${bytes(defaults.errorMaxBytes)}`,
    );
  });
});
