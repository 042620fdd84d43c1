import { startDevDatabase } from '@millrace/dev-db';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { isAlive, temporaryFolder } from './places.ts';
import { query } from './query.ts';

const fast = { ephemeral: true, fast: true } as const;

test('a client of pg connects with the url, and no TCP port is open', async () => {
  await using database = await startDevDatabase(fast);
  const rows = await query(database.url, 'SHOW listen_addresses');
  expect(rows).toEqual([{ listen_addresses: '' }]);
  expect(database.port).toBeUndefined();
});

test('a port that was asked for is open on 127.0.0.1 only and wants the password of the url', async () => {
  await using database = await startDevDatabase({ ...fast, port: 0 });
  const rows = await query(database.url, 'SHOW listen_addresses');
  expect(rows).toEqual([{ listen_addresses: '127.0.0.1' }]);
  const withoutPassword = `postgres://postgres:wrong@127.0.0.1:${database.port}/postgres`;
  await expect(query(withoutPassword, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
});

test('a taken port is named in the error', async () => {
  await using first = await startDevDatabase({ ...fast, port: 0 });
  await expect(startDevDatabase({ ...fast, port: first.port })).rejects.toMatchObject({
    code: 'DEV_DB_PORT_TAKEN',
    message: expect.stringContaining(String(first.port)) as string,
  });
});

test('an ephemeral server takes its data with it when it stops', async () => {
  const database = await startDevDatabase(fast);
  expect(existsSync(join(database.dataDir, 'PG_VERSION'))).toBe(true);
  await database.stop();
  await database.stop();
  expect(existsSync(database.dataDir)).toBe(false);
  expect(isAlive(database.pid)).toBe(false);
});

test('data outlives a stop and the next start', async () => {
  const dataDir = join(temporaryFolder(), 'new', 'data');
  const first = await startDevDatabase({ dataDir });
  await query(first.url, 'CREATE TABLE kept (id int)');
  await first.stop();
  await using second = await startDevDatabase({ dataDir });
  expect(await query(second.url, 'SELECT * FROM kept')).toEqual([]);
});

test('a committed row outlives a SIGKILL of the server, which restarts under the same url', async () => {
  await using database = await startDevDatabase({ dataDir: join(temporaryFolder(), 'data') });
  await query(database.url, 'CREATE TABLE kept AS SELECT 1 AS id');
  const before = database.pid;
  await database.kill('SIGKILL');
  expect(isAlive(before)).toBe(false);
  await database.restart();
  expect(database.pid).not.toBe(before);
  expect(await query(database.url, 'SELECT id FROM kept')).toEqual([{ id: 1 }]);
});

test('a running server restarts too', async () => {
  await using database = await startDevDatabase(fast);
  await query(database.url, 'CREATE TABLE kept AS SELECT 1 AS id');
  await database.restart();
  expect(await query(database.url, 'SELECT id FROM kept')).toEqual([{ id: 1 }]);
});

test('a suspended server stops when it is told to', async () => {
  const database = await startDevDatabase(fast);
  await database.kill('SIGSTOP');
  await database.stop();
  expect(isAlive(database.pid)).toBe(false);
});

test('a stopped server does not restart', async () => {
  const database = await startDevDatabase(fast);
  await database.stop();
  await expect(database.restart()).rejects.toMatchObject({ code: 'DEV_DB_STOPPED' });
});

test('a smart stop waits for the last client', async () => {
  const database = await startDevDatabase(fast);
  const busy = query(database.url, 'SELECT 1 AS done FROM pg_sleep(0.2)');
  await query(database.url, 'SELECT 1');
  const stopping = database.stop('smart');
  expect(await busy).toEqual([{ done: 1 }]);
  await stopping;
  expect(isAlive(database.pid)).toBe(false);
});

test('a folder whose path is longer than a socket path may be is no obstacle', async () => {
  const dataDir = join(temporaryFolder(), 'x'.repeat(60), 'y'.repeat(60), 'a, "b" and c');
  const database = await startDevDatabase({ dataDir, fast: true });
  expect(await query(database.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await database.stop();
  expect(existsSync(database.socketDir)).toBe(false);
});

test('a path with spaces, quotes and commas is no obstacle', async () => {
  const dataDir = join(temporaryFolder(), `it's a, "b"`);
  await using database = await startDevDatabase({ dataDir, fast: true });
  expect(database.socketDir).toBe(dataDir);
  expect(await query(database.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('settings reach the server', async () => {
  await using database = await startDevDatabase({ ...fast, settings: { work_mem: '5MB' } });
  expect(await query(database.url, 'SHOW work_mem')).toEqual([{ work_mem: '5MB' }]);
  expect(await query(database.url, 'SHOW fsync')).toEqual([{ fsync: 'off' }]);
});

test('without `fast` the server keeps what it has confirmed', async () => {
  await using database = await startDevDatabase({ dataDir: join(temporaryFolder(), 'data') });
  for (const setting of ['fsync', 'synchronous_commit', 'full_page_writes']) {
    expect(await query(database.url, `SHOW ${setting}`)).toEqual([{ [setting]: 'on' }]);
  }
});

test('a server that cannot start says why in the words of its log, and leaves nothing behind', async () => {
  const temporary = temporaryFolder(0o777);
  vi.stubEnv('TMPDIR', temporary);
  const settings = { work_mem: 'much' };
  const starting = startDevDatabase({ ...fast, settings }).finally(() => vi.unstubAllEnvs());
  await expect(starting).rejects.toMatchObject({
    code: 'DEV_DB_START_FAILED',
    message: expect.stringContaining('invalid value for parameter "work_mem"') as string,
  });
  expect(readdirSync(temporary)).toEqual([]);
});

test('a folder with other files is left as it is', async () => {
  const dataDir = temporaryFolder();
  writeFileSync(join(dataDir, 'letter.txt'), 'mine');
  await expect(startDevDatabase({ dataDir })).rejects.toMatchObject({
    code: 'DEV_DB_DATA_DIR_INVALID',
  });
  expect(readFileSync(join(dataDir, 'letter.txt'), 'utf8')).toBe('mine');
});

test('a folder of another release is refused by name', async () => {
  const dataDir = join(temporaryFolder(), 'data');
  mkdirSync(dataDir);
  writeFileSync(join(dataDir, 'PG_VERSION'), '13\n');
  await expect(startDevDatabase({ dataDir })).rejects.toMatchObject({
    code: 'DEV_DB_VERSION_MISMATCH',
    message: expect.stringContaining('PostgreSQL 13') as string,
  });
});

test('a folder without programs is refused with a remedy', async () => {
  const binDir = temporaryFolder();
  await expect(startDevDatabase({ ...fast, binDir })).rejects.toMatchObject({
    code: 'DEV_DB_NO_BINARIES',
    message: expect.stringContaining('DATABASE_URL') as string,
  });
});

test.each([
  { dataDir: '/tmp/x', ephemeral: true },
  { port: 70_000 },
  { settings: { 'not a name': '1' } },
])('options that make no sense are refused: %o', async (options) => {
  await expect(startDevDatabase(options)).rejects.toMatchObject({ code: 'DEV_DB_OPTION_INVALID' });
});

test('another program that listens where a killed server did is not taken for it', async () => {
  const dataDir = join(temporaryFolder(), 'data');
  const first = await startDevDatabase({ dataDir, fast: true });
  const file = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8');
  await first.stop();
  writeFileSync(join(dataDir, 'postmaster.pid'), file.replace(/^\d+/, String(process.ppid)));
  await using second = await startDevDatabase({ dataDir, fast: true });
  expect(second.attached).toBe(false);
  const socket = connect(join(second.socketDir, '.s.PGSQL.5432'));
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.destroy();
});
