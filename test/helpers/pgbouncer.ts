import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.ts';

/** PgBouncer where it is installed; Debian puts it outside the usual path. */
export const pgbouncerProgram = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin']
  .map((directory) => join(directory, 'pgbouncer'))
  .find((program) => existsSync(program));

/** A pooler in transaction mode. */
interface PgBouncer extends AsyncDisposable {
  /** The connection string through the pooler, with the database of the one given. */
  readonly url: string;
}

/** Starts PgBouncer in front of the server of a connection string with a socket. `size`: its sessions of the server. */
export async function startPgBouncer(targetUrl: string, size = 2): Promise<PgBouncer> {
  const [, database = '', host = ''] =
    /^postgres:\/\/postgres@\/([^?]+)\?host=(.+)$/.exec(targetUrl) ?? [];
  const socketDir = decodeURIComponent(host);
  const port = await freePort();
  // Only the user of the server may use its socket, and PgBouncer, too, refuses to run as root.
  const { uid, gid } = statSync(socketDir);
  const directory = mkdtempSync(join(tmpdir(), 'millrace-pgbouncer-'));
  const config = join(directory, 'pgbouncer.ini');
  const users = join(directory, 'users.txt');
  writeFileSync(users, '"postgres" ""\n');
  writeFileSync(
    config,
    `[databases]
* = host=${socketDir} port=5432 user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${size}
`,
  );
  for (const path of [directory, config, users]) chownSync(path, uid, gid);
  const child = spawn(pgbouncerProgram ?? 'pgbouncer', [config], {
    stdio: 'ignore',
    ...(process.getuid?.() === 0 && { uid, gid }),
  });
  await until('PgBouncer listens', () => answers(port));
  return {
    url: `postgres://postgres@127.0.0.1:${port}/${database}`,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
