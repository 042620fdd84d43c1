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
    const answer = query.apply(this, args);
    if (answer instanceof Promise && text.test(textOf(args[0]))) {
      const beganMs = nowMs();
      answer.then(
        ({ rows }: pg.QueryResult) => {
          if (rows.length > 0) watch.claimed(nowMs() - beganMs);
        },
        () => {},
      );
    }
    return answer;
  };
}

function textOf(query: unknown): string {
  return typeof query === 'string' ? query : (query as { text: string }).text;
}
