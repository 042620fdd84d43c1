import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createTestDatabase } from '../helpers/database.ts';
import { until } from '../helpers/until.ts';

const examples = resolve(import.meta.dirname, '../../docs/examples');

/** A service that is overloaded at first, takes anything later, and knows no customer of the name `unknown`. */
async function startApi(): Promise<{ url: string } & AsyncDisposable> {
  const seen = new Set<string>();
  const server = createServer(({ url = '' }, response) => {
    if (url.endsWith('/unknown')) response.writeHead(404).end();
    else if (seen.has(url) || url === '/send') response.writeHead(200).end();
    else response.writeHead(503, { 'retry-after': '1' }).end();
    seen.add(url);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

/** What the comments of an example say that it prints. */
function promisedLines(file: string): string[] {
  const source = readFileSync(file, 'utf8');
  return [...source.matchAll(/\/\/ prints: (.*)$/gm)].map(([, line = '']) => line);
}

describe('the examples of the documentation', () => {
  it.each(globSync('*.ts', { cwd: examples }).toSorted())(
    '%s prints what its comments say, and ends well',
    async (name) => {
      const file = join(examples, name);
      const lines = promisedLines(file);
      expect(lines).not.toEqual([]);
      await using database = await createTestDatabase({ template: 'template0' });
      await using api = await startApi();
      const child = spawn(process.execPath, ['--conditions=@millrace/source', file], {
        env: { DATABASE_URL: database.url, API_URL: api.url },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const ended = once(child, 'close');
      const missing = () => lines.filter((line) => !output.includes(line));
      try {
        await until('it prints all', () => missing().length === 0 || child.exitCode !== null);
      } catch {
        process.stdout.write(output);
      } finally {
        child.kill('SIGTERM');
        await ended;
      }
      expect({ missing: missing(), exitCode: child.exitCode }).toEqual({
        missing: [],
        exitCode: 0,
      });
    },
  );
});
