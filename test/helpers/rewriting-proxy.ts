import { once } from 'node:events';
import {
  connect,
  createServer,
  type AddressInfo,
  type NetConnectOpts,
  type Socket,
} from 'node:net';
import { Transform } from 'node:stream';

/** A way to a PostgreSQL server that changes what the server says. */
interface RewritingProxy extends AsyncDisposable {
  /** The connection string through the proxy, with the database of the one given. */
  readonly url: string;
}

/**
 * Stands between clients and the server, or pooler, of a connection string. `rewrite` sees every whole message of the
 * server (its type is the first byte, its length the next four) and answers with the one to pass on.
 */
export async function startRewritingProxy(
  targetUrl: string,
  rewrite: (message: Buffer) => Buffer,
): Promise<RewritingProxy> {
  const { database, address } = targetOf(targetUrl);
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(address);
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket
        .on('error', () => {})
        .once('close', () => {
          open.delete(socket);
          client.destroy();
          upstream.destroy();
        });
    }
    client.pipe(upstream);
    upstream.pipe(wholeMessages(rewrite)).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `postgres://postgres@127.0.0.1:${port}/${database}`,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** What a server says to a client whose session it ends, with the SQLSTATE that says why. */
export function goodbye(state: string): Buffer {
  const fields = { S: 'FATAL', V: 'FATAL', C: state, M: 'the session is ended' };
  const text = Object.entries(fields).map(([name, value]) => `${name}${value}\0`);
  const body = Buffer.from(`${text.join('')}\0`);
  const head = Buffer.from('E....');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** The database of a connection string, and where its socket or TCP port is. */
function targetOf(url: string): { database: string; address: NetConnectOpts } {
  const [, atSocket, directory = ''] =
    /^postgres:\/\/postgres@\/([^?]+)\?host=(.+)$/.exec(url) ?? [];
  if (atSocket !== undefined) {
    return {
      database: atSocket,
      address: { path: `${decodeURIComponent(directory)}/.s.PGSQL.5432` },
    };
  }
  const { hostname, port, pathname } = new URL(url);
  return { database: pathname.slice(1), address: { host: hostname, port: Number(port) } };
}

function wholeMessages(rewrite: (message: Buffer) => Buffer): Transform {
  let rest = Buffer.alloc(0);
  let isOver = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      rest = Buffer.concat([rest, chunk]);
      while (!isOver && rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
        const end = rest.readInt32BE(1) + 1;
        const told = rewrite(Buffer.from(rest.subarray(0, end)));
        this.push(told);
        rest = rest.subarray(end);
        // A server that says goodbye ends the connection.
        isOver = told.includes('SFATAL');
        if (isOver) this.push(null);
      }
      done();
    },
  });
}

/** A pooler announces a process of its own instead of the server's. */
export function asPooler(message: Buffer): Buffer {
  if (typeOf(message) === 'K') message.writeInt32BE(message.readInt32BE(5) + 1, 5);
  return message;
}

/** The server's version, as number and as text, becomes an equally long one of PostgreSQL 12. */
export function asPostgres12(message: Buffer): Buffer {
  if (!['S', 'D'].includes(typeOf(message))) return message;
  const text = message
    .toString('latin1')
    .replaceAll(/(?<!\d)1[4-9]00\d\d(?!\d)/g, '120022')
    .replaceAll(/(?<![\d.])1[4-9](?=\.\d)/g, '12');
  return Buffer.from(text, 'latin1');
}

function typeOf(message: Buffer): string {
  return String.fromCharCode(message[0] ?? 0);
}
