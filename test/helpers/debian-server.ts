import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { until } from './until.ts';

const releases = '/usr/lib/postgresql';

/** The programs of the newest release of Debian's package, if it is installed. */
export const debianPrograms = (existsSync(releases) ? readdirSync(releases) : [])
  .toSorted((a, b) => Number(b) - Number(a))
  .map((release) => join(releases, release, 'bin'))
  .find((folder) => existsSync(join(folder, 'postgres')));

/** A server of Debian's that other hosts reach. */
interface DebianServer extends AsyncDisposable {
  readonly url: string;
}

/** Starts a server that listens on one address, and trusts whoever comes there. */
export async function startDebianServer(address: string): Promise<DebianServer> {
  const programs = debianPrograms ?? releases;
  const user = (flag: string) => Number(execFileSync('id', [flag, 'postgres']).toString());
  const [uid, gid] = [user('-u'), user('-g')];
  const directory = mkdtempSync(join(tmpdir(), 'millrace-debian-'));
  chownSync(directory, uid, gid);
  const data = join(directory, 'data');
  const as = { uid, gid, cwd: directory, env: { PATH: programs, LC_ALL: 'C.UTF-8' } };
  const initdb = ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync'];
  execFileSync(join(programs, 'initdb'), initdb, { ...as, stdio: 'pipe' });
  appendFileSync(join(data, 'pg_hba.conf'), `host all all ${address}/30 trust\n`);
  const settings = {
    listen_addresses: address,
    unix_socket_directories: '',
    fsync: 'off',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = spawn(join(programs, 'postgres'), ['-D', data, ...options], {
    ...as,
    stdio: 'ignore',
  });
  const kill = () => server.kill('SIGQUIT');
  process.once('exit', kill);
  const url = `postgres://postgres@${address}:5432/postgres`;
  await until('the server answers', () => answers(url));
  return {
    url,
    async [Symbol.asyncDispose]() {
      process.off('exit', kill);
      const ended = once(server, 'exit');
      kill();
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  return client.connect().then(
    () => client.end().then(() => true),
    () => false,
  );
}
