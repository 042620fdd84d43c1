import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to a PostgreSQL server that can fail. */
export interface FlakyProxy extends AsyncDisposable {
  /** The connection string through the proxy, with the database of the one given. */
  readonly url: string;
  /** Breaks every connection. */
  cut(): void;
  /** Breaks every connection and refuses new ones until `restore`. */
  block(): void;
  restore(): void;
  /** Leads new connections to another server from now on, as an address does that moves with the primary. */
  pointTo(targetUrl: string): void;
  /**
   * Lets the next statement that holds `text` through to the server, and nothing of what the server says on that connection
   * from then on. Resolves when it has happened.
   */
  loseAnswerTo(text: string): Promise<void>;
  /**
   * Swallows the next statement that holds `text`, and all that either side says on that connection from then on; to both it
   * looks open. Resolves when it has happened.
   */
  swallowFrom(text: string): Promise<void>;
  /** Loses the next answer that holds `text`, and all that the server says on that connection after it. */
  loseAnswerWith(text: string): Promise<void>;
}

export async function startFlakyProxy(targetUrl: string): Promise<FlakyProxy> {
  const { database, path } = placeOf(targetUrl);
  let target = path;
  const open = new Set<Socket>();
  let blocked = false;
  type Loss = {
    readonly in: 'statement' | 'answer' | 'both';
    readonly text: string;
    readonly done: () => void;
  };
  let losing: Loss | undefined;
  const loses = (where: Loss['in'], chunk: Buffer) => {
    if (losing?.in !== where || !chunk.includes(losing.text)) return false;
    losing.done();
    losing = undefined;
    return true;
  };
  const server = createServer((client) => {
    if (blocked) {
      client.destroy();
      return;
    }
    let mute = false;
    let swallowing = false;
    const upstream = connect({ path: target });
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket
        .on('error', () => {})
        .once('close', () => {
          open.delete(socket);
          if (swallowing) return;
          client.destroy();
          // Ended rather than destroyed, so that the server carries out what it has got.
          upstream.end();
        });
    }
    client.on('data', (chunk: Buffer) => {
      swallowing ||= loses('both', chunk);
      mute ||= swallowing || loses('statement', chunk);
      if (!swallowing) upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      mute ||= loses('answer', chunk);
      if (!mute) client.write(chunk);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `postgres://postgres@127.0.0.1:${port}/${database}`,
    cut,
    block() {
      blocked = true;
      cut();
    },
    restore() {
      blocked = false;
    },
    pointTo(newUrl) {
      target = placeOf(newUrl).path;
    },
    loseAnswerTo: (text) =>
      new Promise((done) => {
        losing = { in: 'statement', text, done };
      }),
    swallowFrom: (text) =>
      new Promise((done) => {
        losing = { in: 'both', text, done };
      }),
    loseAnswerWith: (text) =>
      new Promise((done) => {
        losing = { in: 'answer', text, done };
      }),
    async [Symbol.asyncDispose]() {
      server.close();
      cut();
      await once(server, 'close');
    },
  };
}

function placeOf(url: string): { readonly database: string; readonly path: string } {
  const [, database = '', host = ''] =
    /^postgres:\/\/postgres@\/([^?]+)\?host=(.+)$/.exec(url) ?? [];
  return { database, path: `${decodeURIComponent(host)}/.s.PGSQL.5432` };
}
