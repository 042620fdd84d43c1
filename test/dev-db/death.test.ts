import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../helpers/until.ts';
import { Owner } from './owners.ts';
import { isAlive, temporaryFolder } from './places.ts';
import { query } from './query.ts';

const fast = { ephemeral: true, fast: true };

test('a server ends within a second after its owner was killed with SIGKILL', async () => {
  await using owner = Owner.spawn({
    database: { dataDir: join(temporaryFolder(), 'data'), fast: true },
  });
  const { pid, dataDir } = await owner.started();
  await owner.end('SIGKILL');
  const killedAt = Date.now();
  await until('the server has ended', () => !isAlive(pid));
  expect(Date.now() - killedAt).toBeLessThan(1_000);
  expect(existsSync(join(dataDir, 'postmaster.pid'))).toBe(false);
});

test('an ephemeral server whose owner was killed leaves no file', async () => {
  await using owner = Owner.spawn({ database: fast });
  const { pid, dataDir } = await owner.started();
  await owner.end('SIGKILL');
  await until('the server has ended', () => !isAlive(pid));
  await until('the data are gone', () => !existsSync(dataDir) && !existsSync(join(dataDir, '..')));
});

test('a server does not keep its owner alive, and ends with it', async () => {
  await using owner = Owner.spawn({ database: fast, leave: true });
  const { pid } = await owner.started();
  await until('the owner has ended', () => owner.process.exitCode === 0);
  await until('the server has ended', () => !isAlive(pid));
});

test('a suspended server ends with its owner too', async () => {
  await using owner = Owner.spawn({ database: fast });
  const { pid } = await owner.started();
  process.kill(pid, 'SIGSTOP');
  await owner.end('SIGKILL');
  await until('the server has ended', () => !isAlive(pid));
});

test('a server whose guard was killed first still ends with its owner', async () => {
  await using owner = Owner.spawn({ database: fast });
  const { pid, dataDir } = await owner.started();
  const guard = execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' });
  process.kill(Number(guard), 'SIGKILL');
  await owner.end('SIGTERM');
  expect(isAlive(pid)).toBe(false);
  expect(existsSync(dataDir)).toBe(false);
});

test('Ctrl-C reaches the owner and not the server, which serves until it is stopped', async () => {
  await using owner = Owner.spawn({ database: fast, ownGroup: true });
  const { pid, url } = await owner.started();
  process.kill(-(owner.process.pid ?? 0), 'SIGINT');
  expect(await owner.line()).toBe('interrupted');
  expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await owner.end('SIGTERM');
  expect(isAlive(pid)).toBe(false);
});
