import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to a PostgreSQL server that loses one answer. */
export interface SwallowingProxy extends AsyncDisposable {
  /** The connection string through the proxy, with the database of the one given. */
  readonly url: string;
  /** Resolves when the answer has been lost. */
  readonly swallowed: Promise<void>;
}

/**
 * Stands between clients and the server of a connection string with a socket. The first answer of the server that holds
 * `text` reaches nobody: instead the client finds its connection broken. The server has done by then what it was asked for.
 */
export async function startSwallowingProxy(
  targetUrl: string,
  text: string,
): Promise<SwallowingProxy> {
  const [, database = '', host = ''] =
    /^postgres:\/\/postgres@\/([^?]+)\?host=(.+)$/.exec(targetUrl) ?? [];
  const path = `${decodeURIComponent(host)}/.s.PGSQL.5432`;
  const open = new Set<Socket>();
  const swallowed = Promise.withResolvers<void>();
  let isDone = false;
  const server = createServer((client) => {
    const upstream = connect({ path });
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
    upstream.on('data', (chunk: Buffer) => {
      if (isDone || !chunk.includes(text)) {
        client.write(chunk);
        return;
      }
      isDone = true;
      client.destroy();
      swallowed.resolve();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `postgres://postgres@127.0.0.1:${port}/${database}`,
    swallowed: swallowed.promise,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, 'close');
    },
  };
}
