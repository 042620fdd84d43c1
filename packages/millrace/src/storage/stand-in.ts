import type { ClientConfig } from './connection.ts';
import { namesOf } from './names.ts';
import { PipelinedSession } from './pipelined-session.ts';
import { Route } from './route.ts';
import { beatBlocked } from './sql/liveness.ts';

/** What a stand-in needs to know; it can be handed to another thread. */
export interface StandInParts {
  readonly connection: ClientConfig;
  readonly schema: string;
  /** The process that it stands in for. */
  readonly boot: string;
}

/** Beats for a process whose event loop stands still, from another thread. Its connection is there while it is needed. */
export class StandIn {
  readonly #boot: string;
  readonly #session: PipelinedSession;

  constructor({ connection, schema, boot }: StandInParts) {
    this.#boot = boot;
    // Whether it goes through a pooler has been said by the process itself.
    const route = new Route(
      () => connection,
      () => {},
    );
    this.#session = new PipelinedSession(route, namesOf(schema));
  }

  async beat(stoodMs: number, jobs: readonly string[]): Promise<void> {
    try {
      await this.#session.query(beatBlocked, [this.#boot, stoodMs, jobs]);
    } catch (error) {
      // A connection that leads nowhere would not answer the next time either.
      void this.close();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

/**
 * A configuration that leads another thread to the same server. `pg` hides passwords and keys from being copied, so they
 * are named here. Functions that have no part in connecting stay behind; one that makes the password or the stream has, and
 * whoever copies the answer is told that it cannot be.
 */
export function threadConfig(config: ClientConfig): ClientConfig {
  const needed = Object.entries(config).filter(
    ([name, value]) => name !== 'types' && (typeof value !== 'function' || name === 'stream'),
  );
  const { password, ssl } = config;
  return {
    ...Object.fromEntries(needed),
    ...(password !== undefined && { password }),
    ...(typeof ssl === 'object' && ssl?.key !== undefined && { ssl: { ...ssl, key: ssl.key } }),
  };
}
