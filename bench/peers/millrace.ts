/** Millrace as its README shows it. */
import { createMillrace, defineJob, delays, type AnyJobDefinition, type Millrace } from 'millrace';
import { createHash } from 'node:crypto';
import pg from 'pg';
import { z } from 'zod';
import type { Handle, Job, Payload, Peer, Place, Watch } from '../peer.ts';

const payload = z.object({ i: z.number(), data: z.string().optional() });

const define = ({ config }: Place, kind: string, queue: string) =>
  defineJob({
    kind,
    queue,
    payload,
    maxAttempts: 3,
    retry: delays([0]),
    history: config === 'failures-only' ? 'failures' : 'all',
  });

type Definition = ReturnType<typeof define>;

function definitions(place: Place): Map<string, Definition> {
  return new Map(place.queues.map((queue) => [queue, define(place, `bench-${queue}`, queue)]));
}

/** What is attached stands in the name of the configuration. */
const telemetry = (what: string) => ({ about: `with ${what}`, only: ['telemetry'] });

type Plug = (millrace: Millrace, parts: readonly string[]) => void;

async function loadPlug({ config }: Place): Promise<Plug | undefined> {
  if (!/metrics|traces|errors/.test(config)) return undefined;
  // Computed, so that the root's checks do not follow it to packages that only that folder has.
  const folder = new URL('../../examples/telemetry/', import.meta.url);
  const { plug } = (await import(new URL('plugged.ts', folder).href)) as { plug: Plug };
  return plug;
}

async function open(
  place: Place,
  jobs: Iterable<AnyJobDefinition>,
  connections?: number,
): Promise<Millrace> {
  const millrace = createMillrace({
    connection: { connectionString: place.url, ...(connections && { max: connections }) },
    jobs: [...jobs],
    logger: false,
  });
  const plug = await loadPlug(place);
  plug?.(millrace, place.config.split('+'));
  return millrace;
}

export const peer: Peer = {
  configs: {
    default: { about: 'the defaults: concurrency 10, every finished job kept in the history' },
    'failures-only': {
      about: 'the defaults, but only failures kept in the history',
      only: ['throughput', 'depth', 'snapshot', 'steady'],
    },
    metrics: telemetry('prometheus()'),
    traces: telemetry('opentelemetry() with an SDK that samples everything'),
    errors: telemetry('sentry(Sentry)'),
    'metrics+traces+errors': telemetry('all of them'),
  },
  store: 'postgres',
  table: 'millrace.job',
  channel: `millrace_${createHash('sha256').update('millrace').digest('hex').slice(0, 16)}`,

  load: loadPlug,

  async prepare(place) {
    await using millrace = await open(place, []);
    await millrace.migrate();
  },

  async produce(place, { connections }) {
    const ours = definitions(place);
    const [first] = place.queues;
    const foreign = define(place, 'bench-foreign', first);
    const millrace = await open(place, [...ours.values(), foreign], connections);
    const looker = new pg.Client({ connectionString: place.url });
    await looker.connect();
    const definitionOf = (job: Job): Definition =>
      job.foreign === true ? foreign : (ours.get(job.queue ?? first) ?? foreign);
    const optionsOf = ({ priority, delayMs }: Job) => ({
      ...(priority !== undefined && { priority }),
      ...(delayMs !== undefined && { delay: delayMs }),
    });
    return {
      async enqueueMany(jobs) {
        await millrace.enqueueMany(
          jobs.map((job) => definitionOf(job).with(job.payload, optionsOf(job))),
        );
      },
      async enqueue(job) {
        await millrace.enqueue(definitionOf(job), job.payload, optionsOf(job));
      },
      async enqueueIn(tx, job) {
        await millrace.enqueue(definitionOf(job), job.payload, { ...optionsOf(job), tx });
      },
      // The view of all jobs would read the history too, and the measurement would pay for it.
      async unfinished() {
        const { rows } = await looker.query<{ n: string }>(
          'SELECT count(*) AS n FROM millrace.job',
        );
        return Number(rows[0]?.n);
      },
      async close() {
        await looker.end();
        await millrace.close();
      },
    };
  },

  async work(place, handle, watch) {
    const jobs = [...definitions(place).values()].map((definition) =>
      definition.handle(handlerOf(handle)),
    );
    const millrace = await open(place, jobs);
    if (watch !== undefined) subscribe(millrace, watch);
    const worker = millrace.createWorker();
    await worker.start();
    return {
      async stop() {
        await worker.stop();
        await millrace.close();
      },
    };
  },
};

function handlerOf(handle: Handle) {
  return async (job: Payload) => handle(job);
}

function subscribe(millrace: Millrace, watch: Watch): void {
  let idle = false;
  millrace.subscribe(({ name, data }) => {
    if (name === 'claim:empty') idle = true;
    if (name !== 'claim:taken') return;
    watch.claimed(data.durationMs);
    if (idle) watch.awoke();
    idle = false;
  });
}
