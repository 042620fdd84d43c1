/** How long the claims of peers take that do not tell it themselves. */
import pg from 'pg';
import { nowMs } from '../numbers.ts';
import type { Watch } from '../peer.ts';

type Query = (this: pg.Client, ...args: unknown[]) => unknown;

/** Watches the queries of all clients of this process for those with this text. */
export function watchClaims(text: RegExp, watch: Watch | undefined): void {
  if (watch === undefined) return;
  const client = pg.Client.prototype as unknown as { query: Query };
  const { query } = client;
  client.query = function watched(...args) {
    if (!text.test(textOf(args[0]))) return query.apply(this, args);
    const beganMs = nowMs();
    const told = (result: pg.QueryResult | undefined) => {
      if (result !== undefined && result.rows.length > 0) watch.claimed(nowMs() - beganMs);
    };
    // A pool asks with a callback, everybody else for a promise.
    const last = args.at(-1);
    if (typeof last === 'function') {
      const callback = (error: unknown, result: pg.QueryResult | undefined) => {
        told(result);
        Reflect.apply(last, undefined, [error, result]);
      };
      return query.apply(this, [...args.slice(0, -1), callback]);
    }
    const answer = query.apply(this, args) as Promise<pg.QueryResult>;
    answer.then(told, () => {});
    return answer;
  };
}

function textOf(query: unknown): string {
  return typeof query === 'string' ? query : (query as { text: string }).text;
}
