/** Hand-written SQL: what a narrow table and two loops can do, without history, fences, rescue or anything else. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { nowMs } from '../numbers.ts';
import {
  pieces,
  type Handle,
  type Job,
  type Payload,
  type Peer,
  type Place,
  type Producer,
  type ProducerOptions,
  type Watch,
  type Working,
} from '../peer.ts';

const batch = 500;
const loops = 2;
const insertBatch = 5_000;
const idleMs = 1_000;
const channel = 'raw_job';
const foreignQueue = 'foreign';

const schema = `
CREATE SCHEMA raw;
CREATE TABLE raw.job (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_at timestamptz NOT NULL DEFAULT now(),
  priority smallint NOT NULL DEFAULT 0,
  state smallint NOT NULL DEFAULT 0,
  attempt smallint NOT NULL DEFAULT 0,
  queue text NOT NULL,
  payload jsonb NOT NULL
);
CREATE INDEX ON raw.job (priority DESC, run_at, id) WHERE state = 0;
CREATE TABLE raw.job_error (job_id bigint NOT NULL, attempt smallint NOT NULL, ended_at timestamptz NOT NULL, error jsonb);
`;

const picked = `
SELECT id FROM raw.job WHERE state = 0 AND run_at <= now() AND queue = ANY ($1)
 ORDER BY priority DESC, run_at, id LIMIT $2 FOR UPDATE SKIP LOCKED`;

/** A statement that the server prepares once for each connection. */
const statement = (name: string, text: string) => ({ name, text });

const claims = {
  update: statement(
    'claim',
    `UPDATE raw.job j SET state = 1, attempt = attempt + 1 FROM (${picked}) p WHERE j.id = p.id
     RETURNING j.id, j.attempt, j.payload`,
  ),
  array: statement(
    'claim',
    `UPDATE raw.job j SET state = 1, attempt = attempt + 1 WHERE j.id = ANY (ARRAY(${picked}))
     RETURNING j.id, j.attempt, j.payload`,
  ),
  delete: statement(
    'claim',
    `DELETE FROM raw.job j USING (${picked}) p WHERE j.id = p.id RETURNING j.id, j.attempt, j.payload`,
  ),
};
const complete = statement('complete', 'DELETE FROM raw.job WHERE id = ANY ($1::bigint[])');
const fail = statement(
  'fail',
  `WITH failed AS (
     UPDATE raw.job j SET state = 0, run_at = now()
       FROM unnest($1::bigint[], $2::text[]) AS f(id, error) WHERE j.id = f.id
     RETURNING j.id, j.attempt, f.error)
   INSERT INTO raw.job_error (job_id, attempt, ended_at, error)
   SELECT id, attempt, now(), error::jsonb FROM failed`,
);
const inserts = {
  one: 'INSERT INTO raw.job (queue, payload) VALUES ($1, $2)',
  plain: 'INSERT INTO raw.job (queue, payload) SELECT $1, p::jsonb FROM unnest($2::text[]) AS p',
  full: `INSERT INTO raw.job (queue, payload, priority, run_at)
   SELECT q, p::jsonb, i, now() + d * interval '1 millisecond'
     FROM unnest($1::text[], $2::text[], $3::int[], $4::float8[]) AS u(q, p, i, d)`,
};
const telling = (text: string) => `WITH stored AS (${text}) SELECT pg_notify('${channel}', '')`;

interface Row {
  readonly id: string;
  readonly attempt: number;
  readonly payload: Payload;
}

/** The peer whose claim is `update` or `array`, which may run a job twice, or `delete`, which may lose one. */
export function rawPeer(
  claimOf: (place: Place) => keyof typeof claims,
): Pick<Peer, 'prepare' | 'produce' | 'work'> {
  return {
    prepare: async ({ url }) => {
      const client = await connect(url);
      await client.query(schema);
      await client.end();
    },
    produce,
    work: (place, handle, watch) => work(claimOf(place), place, handle, watch),
  };
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return client;
}

async function produce(place: Place, { connections, wake }: ProducerOptions): Promise<Producer> {
  const pool = new pg.Pool({ connectionString: place.url, max: connections });
  const [first] = place.queues;
  const queueOf = ({ queue, foreign }: Job) => (foreign === true ? foreignQueue : (queue ?? first));
  const isPlain = ({ priority, delayMs }: Job) => priority === undefined && delayMs === undefined;

  const run = (client: pg.Pool | pg.ClientBase, name: keyof typeof inserts, values: unknown[]) =>
    client.query({ name, text: wake ? telling(inserts[name]) : inserts[name], values });

  async function insert(client: pg.Pool | pg.ClientBase, jobs: readonly Job[]): Promise<void> {
    const queues = jobs.map(queueOf);
    const payloads = jobs.map(({ payload }) => JSON.stringify(payload));
    const oneQueue = queues.every((queue) => queue === queues[0]);
    if (!oneQueue || !jobs.every(isPlain)) {
      const priorities = jobs.map(({ priority = 0 }) => priority);
      const delaysMs = jobs.map(({ delayMs = 0 }) => delayMs);
      await run(client, 'full', [queues, payloads, priorities, delaysMs]);
    } else if (jobs.length === 1) {
      await run(client, 'one', [queues[0], payloads[0]]);
    } else {
      await run(client, 'plain', [queues[0], payloads]);
    }
  }

  return {
    async enqueueMany(jobs) {
      for (const piece of pieces(jobs, insertBatch)) await insert(pool, piece);
    },
    enqueue: (job) => insert(pool, [job]),
    enqueueIn: (client, job) => insert(client, [job]),
    async unfinished() {
      const { rows } = await pool.query<{ n: string }>('SELECT count(*) AS n FROM raw.job');
      return Number(rows[0]?.n);
    },
    close: () => pool.end(),
  };
}

async function work(
  claim: keyof typeof claims,
  { url, queues }: Place,
  handle: Handle,
  watch: Watch | undefined,
): Promise<Working> {
  const stopping = new AbortController();
  let told = 0;
  let wake = Promise.withResolvers<void>();
  const hear = () => {
    told += 1;
    wake.resolve();
    wake = Promise.withResolvers<void>();
  };
  const listener = await connect(url);
  listener.on('notification', hear);
  await listener.query(`LISTEN ${channel}`);

  async function loop(client: pg.Client): Promise<void> {
    for (let idle = false; !stopping.signal.aborted;) {
      const heard = told;
      const beganMs = nowMs();
      const { rows } = await client.query<Row>({ ...claims[claim], values: [queues, batch] });
      if (rows.length === 0) {
        idle = true;
        if (heard === told) await Promise.race([wake.promise, pause(stopping.signal)]);
        continue;
      }
      watch?.claimed(nowMs() - beganMs);
      if (idle) watch?.awoke();
      idle = false;
      await runAll(client, rows, handle, claim !== 'delete');
    }
    await client.end();
  }

  const clients = await Promise.all(Array.from({ length: loops }, () => connect(url)));
  const running = Promise.all(clients.map(loop));
  return {
    async stop() {
      stopping.abort();
      hear();
      await running;
      await listener.end();
    },
  };
}

async function pause(signal: AbortSignal): Promise<void> {
  await sleep(idleMs, undefined, { signal, ref: false }).catch(() => {});
}

async function runAll(
  client: pg.Client,
  rows: readonly Row[],
  handle: Handle,
  settles: boolean,
): Promise<void> {
  const done: string[] = [];
  const failed: { readonly id: string; readonly error: string }[] = [];
  await Promise.all(
    rows.map(async ({ id, payload }) => {
      try {
        await handle(payload);
        done.push(id);
      } catch (error) {
        const { name, message, stack } = error as Error;
        failed.push({ id, error: JSON.stringify({ name, message, stack }) });
      }
    }),
  );
  if (!settles) return;
  if (done.length > 0) await client.query({ ...complete, values: [done] });
  if (failed.length === 0) return;
  const values = [failed.map(({ id }) => id), failed.map(({ error }) => error)];
  await client.query({ ...fail, values });
}

export const rawChannel = channel;
