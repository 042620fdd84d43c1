import { statSync, chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test, type TestContext } from 'vitest';
import { Owner } from './owners.ts';
import { temporaryFolder } from './places.ts';
import {
  canOrdinaryUserRunNode,
  isRoot,
  linksIn,
  makeProject,
  makeReadOnly,
  ordinaryUser,
} from './project.ts';
import { query } from './query.ts';

function needsRoot({ skip }: TestContext): void {
  skip(!isRoot, 'only root can become another user');
  skip(!canOrdinaryUserRunNode(), 'the ordinary user cannot enter the folder of this Node.js');
}

const fast = { ephemeral: true, fast: true };

test('started by root, the server runs as an ordinary user', async (context) => {
  needsRoot(context);
  await using owner = Owner.spawn({ database: fast });
  const { url, pid } = await owner.started();
  expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(statSync(`/proc/${pid}`).uid).not.toBe(0);
});

test('started by an ordinary user, the server runs as that user', async (context) => {
  needsRoot(context);
  await using owner = Owner.spawn({
    database: fast,
    user: ordinaryUser,
    project: makeProject(temporaryFolder()),
    env: { MILLRACE_CACHE_DIR: join(ownFolder(), 'cache') },
  });
  const { url, pid } = await owner.started();
  expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(statSync(`/proc/${pid}`).uid).toBe(ordinaryUser.uid);
});

test('root serves a folder that an ordinary user made, as that user', async (context) => {
  needsRoot(context);
  const project = makeProject(temporaryFolder());
  const dataDir = join(ownFolder(), 'data');
  const database = { dataDir, fast: true };
  const env = { MILLRACE_CACHE_DIR: join(ownFolder(), 'cache') };
  await using owner = Owner.spawn({ database, user: ordinaryUser, project, env });
  await owner.started();
  await owner.end('SIGTERM');
  await using root = Owner.spawn({ database, env });
  const { url, pid } = await root.started();
  expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(statSync(`/proc/${pid}`).uid).toBe(ordinaryUser.uid);
});

test("root's project below a folder that nobody else can enter works from a copy in the cache", async (context) => {
  needsRoot(context);
  const locked = temporaryFolder(0o700);
  const cache = join(temporaryFolder(), 'cache');
  const project = makeProject(join(locked, 'project'));
  const wanted = join(locked, 'project', '.millrace', 'postgres');
  const options = { database: { dataDir: wanted }, project, env: { MILLRACE_CACHE_DIR: cache } };
  await using first = Owner.spawn(options);
  const { url, dataDir } = await first.started();
  expect(await query(url, 'CREATE TABLE kept AS SELECT 1 AS one')).toEqual([]);
  expect(dataDir.startsWith(join(cache, 'data'))).toBe(true);
  expect(existsSync(wanted)).toBe(false);
  await first.end('SIGTERM');
  await using second = Owner.spawn(options);
  expect(await query((await second.started()).url, 'SELECT * FROM kept')).toEqual([{ one: 1 }]);
});

test('a strict umask of root does not lock the server out', async (context) => {
  needsRoot(context);
  const before = process.umask(0o077);
  try {
    const dataDir = join(temporaryFolder(), 'a', 'b', 'data');
    await using owner = Owner.spawn({ database: { dataDir, fast: true } });
    const started = await owner.started();
    expect(started.dataDir).toBe(dataDir);
    expect(await query(started.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  } finally {
    process.umask(before);
  }
});

test('root that may become nobody else is told so', (context) => {
  const probe = spawnSync('unshare', ['--user', '--map-root-user', 'true']);
  context.skip(probe.status !== 0, 'this system forbids `unshare --user`');
  const { module, script } = makeProject(temporaryFolder());
  const { stdout } = spawnSync(
    'unshare',
    ['--user', '--map-root-user', process.execPath, script, module, JSON.stringify(fast)],
    { encoding: 'utf8' },
  );
  expect(stdout).toContain('root may not become');
  expect(stdout).toContain('DATABASE_URL');
});

test('links that no install script made are made at the first start', async () => {
  const project = makeProject(temporaryFolder());
  expect(linksIn(project.programs)).toEqual([]);
  await using owner = Owner.spawn({ database: fast, project });
  await owner.started();
  expect(linksIn(project.programs)).not.toEqual([]);
});

test('two processes may make the links at the same time', async () => {
  const project = makeProject(temporaryFolder());
  await using one = Owner.spawn({ database: fast, project });
  await using two = Owner.spawn({ database: fast, project });
  const [first, second] = await Promise.all([one.started(), two.started()]);
  expect(first.pid).not.toBe(second.pid);
});

test('a read-only installation works from one copy in the cache, also for two processes at once', async (context) => {
  if (isRoot) needsRoot(context);
  const project = makeProject(temporaryFolder());
  makeReadOnly(join(project.programs, 'native', 'lib'));
  const cache = join(ownFolder(), 'cache');
  const user = isRoot ? { user: ordinaryUser } : {};
  const options = { database: fast, project, env: { MILLRACE_CACHE_DIR: cache }, ...user };
  await using one = Owner.spawn(options);
  await using two = Owner.spawn(options);
  const [first] = await Promise.all([one.started(), two.started()]);
  expect(await query(first.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(linksIn(project.programs)).toEqual([]);
  expect(readdirSync(join(cache, 'binaries'))).toHaveLength(1);
  chmodSync(join(project.programs, 'native', 'lib'), 0o755);
});

/** A folder in which the ordinary user may write. */
function ownFolder(): string {
  const folder = join(temporaryFolder(), 'own');
  mkdirSync(folder);
  if (isRoot) chownSync(folder, ordinaryUser.uid, ordinaryUser.gid);
  return folder;
}
