import { createServer } from 'node:http';
import { MillraceError } from '../core/errors.ts';
import type { Millrace } from '../core/millrace.ts';
import type { PrometheusMetrics } from '../telemetry/prometheus.ts';

/** What `prometheus` of `millrace/prometheus` has made. */
export type ServedMetrics = Pick<PrometheusMetrics, 'contentType' | 'text' | 'json' | 'registry'>;

/** What a health check comes to: one line. */
export interface Verdict {
  readonly ok: boolean;
  readonly text: string;
}

/** What is served, by path. */
export interface Pages {
  readonly live: () => Promise<Verdict>;
  readonly ready: () => Promise<Verdict>;
  readonly metrics?: (() => Promise<{ readonly type: string; readonly text: string }>) | undefined;
}

/** Serves health and metrics until it is closed. */
export interface HealthServer {
  /** As `host:port`. */
  readonly address: string;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly text: string;
}

/** @throws MILLRACE_OPTION_INVALID for an address that cannot be, or is not free */
export async function serveHealth(listen: string, pages: Pages): Promise<HealthServer> {
  const { host, port } = parse(listen);
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    void answerOf(pages, path)
      .catch((error: unknown): Answer => ({ status: 503, text: `${String(error)}\n` }))
      .then(({ status, type = 'text/plain; charset=utf-8', text }) => {
        response.writeHead(status, { 'content-type': type });
        response.end(text);
      });
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

async function answerOf({ live, ready, metrics }: Pages, path: string): Promise<Answer> {
  const told = ({ ok, text }: Verdict): Answer => ({ status: ok ? 200 : 503, text: `${text}\n` });
  if (path === '/livez') return told(await live());
  if (path === '/readyz') return told(await ready());
  if (path === '/metrics' && metrics !== undefined) return { status: 200, ...(await metrics()) };
  const also = metrics === undefined ? '' : ' and /metrics';
  return { status: 404, text: `there are /livez, /readyz${also}\n` };
}

/** What `serveHealthOf` takes beside the Millrace and the address. */
export interface ServeHealthOptions {
  /** Whether this process has started all that it is for. Default: it has. */
  readonly isReady?: () => boolean;
  /** What `/metrics` serves: what `prometheus` has made. Default: there is no such page. */
  readonly metrics?: ServedMetrics;
}

/**
 * Serves `/livez`, `/readyz` and `/metrics` for a process that has no supervisor. The first two answer 200, or 503 with
 * the reason in one line.
 * @param listen such as `127.0.0.1:9464`, or only a port, which is then of 127.0.0.1; port 0 takes a free one
 * @throws MILLRACE_OPTION_INVALID for an address that cannot be, or is not free
 */
export function serveHealthOf(
  millrace: Millrace,
  listen: string,
  { isReady = () => true, metrics }: ServeHealthOptions = {},
): Promise<HealthServer> {
  return serveHealth(listen, {
    live: async () => ({ ok: true, text: 'ok' }),
    ready: async () => {
      if (!isReady()) return { ok: false, text: 'not ready: starting or stopping' };
      const { ok, reasons } = await millrace.health();
      return { ok, text: ok ? 'ok' : reasons.join('; ') };
    },
    metrics: metrics && (async () => ({ type: metrics.contentType, text: await metrics.text() })),
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
