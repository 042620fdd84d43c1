import { createServer } from 'node:http';
import { MillraceError } from '../core/errors.ts';
import type { Millrace } from '../core/millrace.ts';

/** What a health check comes to: one line. */
export interface Verdict {
  readonly ok: boolean;
  readonly text: string;
}

/** Serves health until it is closed. */
export interface HealthServer {
  /** As `host:port`. */
  readonly address: string;
  close(): Promise<void>;
}

/** @throws MILLRACE_OPTION_INVALID for an address that cannot be, or is not free */
export async function serveHealth(
  listen: string,
  checks: { readonly live: () => Promise<Verdict>; readonly ready: () => Promise<Verdict> },
): Promise<HealthServer> {
  const { host, port } = parse(listen);
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0];
    const check = path === '/livez' ? checks.live : path === '/readyz' ? checks.ready : undefined;
    const answer = (status: number, text: string): void => {
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
      response.end(`${text}\n`);
    };
    if (check === undefined) return answer(404, 'there are /livez and /readyz');
    void check().then(
      ({ ok, text }) => answer(ok ? 200 : 503, text),
      (error: unknown) => answer(503, String(error)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  }).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MillraceError('MILLRACE_OPTION_INVALID', `cannot listen on ${listen}: ${reason}`);
  });
  server.unref();
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    address: `${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * Serves `/livez` and `/readyz` for a process that has no supervisor. Both answer 200, or 503 with the reason in one line.
 * @param listen such as `127.0.0.1:9464`, or only a port, which is then of 127.0.0.1; port 0 takes a free one
 * @throws MILLRACE_OPTION_INVALID for an address that cannot be, or is not free
 */
export function serveHealthOf(
  millrace: Millrace,
  listen: string,
  isReady: () => boolean = () => true,
): Promise<HealthServer> {
  return serveHealth(listen, {
    live: async () => ({ ok: true, text: 'ok' }),
    ready: async () => {
      if (!isReady()) return { ok: false, text: 'not ready: starting or stopping' };
      const { ok, reasons } = await millrace.health();
      return { ok, text: ok ? 'ok' : reasons.join('; ') };
    },
  });
}

function parse(listen: string): { readonly host: string; readonly port: number } {
  const [, six, name, digits] = /^(?:\[([^\]]+)\]:|([^:]+):)?(\d{1,5})$/.exec(listen) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) {
    throw new MillraceError(
      'MILLRACE_OPTION_INVALID',
      `listen must be host:port or a port, not '${listen}'`,
    );
  }
  return { host: six ?? name ?? '127.0.0.1', port };
}
