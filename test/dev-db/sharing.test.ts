import { startDevDatabase } from '@millrace/dev-db';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../helpers/until.ts';
import { Owner } from './owners.ts';
import { isAlive, temporaryFolder } from './places.ts';
import { query } from './query.ts';

const newFolder = () => ({ dataDir: join(temporaryFolder(), 'data'), fast: true });

test('a second start on the same folder shares the server and leaves it running', async () => {
  const options = newFolder();
  await using first = await startDevDatabase(options);
  const second = await startDevDatabase(options);
  expect(second).toMatchObject({ attached: true, pid: first.pid, url: first.url });
  await second.stop();
  expect(await query(first.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('two processes that start at once on a new folder share one server', async () => {
  const database = newFolder();
  await using one = Owner.spawn({ database });
  await using two = Owner.spawn({ database });
  const [first, second] = await Promise.all([one.started(), two.started()]);
  expect(first.pid).toBe(second.pid);
  expect(first.attached).not.toBe(second.attached);
  expect(await query(first.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('a start while the server of a killed owner is ending waits and gets a server of its own', async () => {
  const options = newFolder();
  await using owner = Owner.spawn({ database: options });
  const before = await owner.started();
  await owner.end('SIGKILL');
  await using after = await startDevDatabase(options);
  expect(after.attached).toBe(false);
  expect(after.pid).not.toBe(before.pid);
  expect(await query(after.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('only the process that started a server may kill or restart it', async () => {
  const options = newFolder();
  await using first = await startDevDatabase(options);
  await using second = await startDevDatabase(options);
  await expect(second.kill('SIGKILL')).rejects.toMatchObject({ code: 'DEV_DB_ATTACHED' });
  await expect(second.restart()).rejects.toMatchObject({ code: 'DEV_DB_ATTACHED' });
  expect(isAlive(first.pid)).toBe(true);
});

test('a start that asks for a port does not share a server without one', async () => {
  const options = newFolder();
  await using first = await startDevDatabase(options);
  await expect(startDevDatabase({ ...options, port: 0 })).rejects.toMatchObject({
    code: 'DEV_DB_PORT_MISMATCH',
  });
  expect(isAlive(first.pid)).toBe(true);
});

test('a shared server ends with the process that started it', async () => {
  const options = newFolder();
  await using owner = Owner.spawn({ database: options });
  const { pid } = await owner.started();
  await using second = await startDevDatabase(options);
  expect(second.attached).toBe(true);
  await owner.end('SIGTERM');
  await until('the server has ended', () => !isAlive(pid));
});

test('a server that has lost both its owner and its guard is shared in the end', async () => {
  const options = newFolder();
  await using owner = Owner.spawn({ database: options });
  const { pid } = await owner.started();
  for (const guard of guardsOf(pid)) process.kill(guard, 'SIGKILL');
  await owner.end('SIGKILL');
  const found = await startDevDatabase(options);
  process.kill(pid, 'SIGQUIT');
  expect(found).toMatchObject({ attached: true, pid });
});

/** The shell that started a server, and its children. */
function guardsOf(server: number): number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  const processes = table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([pid = 0, parent = 0]) => ({ pid, parent }));
  const shell = processes.find(({ pid }) => pid === server)?.parent ?? 0;
  const children = processes.filter(({ pid, parent }) => parent === shell && pid !== server);
  return [...children.map(({ pid }) => pid), shell];
}
