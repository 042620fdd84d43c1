// An application that uses most of what there is, as one is written: every inferred type is used where a wrong one would show.
import {
  createMillrace,
  cron,
  defineJob,
  delays,
  every,
  exponential,
  flag,
  isMillraceError,
  snooze,
  type Duration,
  type EnqueueResult,
  type InputOf,
  type Job,
  type JobContext,
  type MillraceEvent,
  type Transaction,
} from 'millrace';
import { opentelemetry } from 'millrace/opentelemetry';
import { prometheus } from 'millrace/prometheus';
import { sentry, type SentryModule } from 'millrace/sentry';
import { createSupervisor, isSupervised, joinSupervisor } from 'millrace/supervisor';
import { assertEnqueued, createTestDatabase, drain, runJob, simulate } from 'millrace/testing';
import { Registry } from 'prom-client';
import * as v from 'valibot';
import { z } from 'zod';

export const sendMail = defineJob({
  kind: 'send-mail',
  payload: z.object({ to: z.email(), at: z.iso.datetime().transform((text) => new Date(text)) }),
  queue: 'mail',
  retry: exponential({ first: '30s' }),
  timeout: '1m',
  async handler({ to, at }, { attempt, signal, logger, progress }) {
    const tomorrow = at.getTime() + 86_400_000;
    logger.info({ to, attempt, tomorrow }, 'sending');
    progress(50, 'half');
    if (attempt === 2 && !signal.aborted) return snooze('5m');
    return { sent: true };
  },
});

export const resize = defineJob({
  kind: 'resize',
  payload: v.object({ image: v.string(), width: v.optional(v.number(), 800) }),
  version: 2,
  upgrade: { 1: (old: { file: string }) => ({ image: old.file }) },
  retry: delays(['1s', '1m']),
});
export const resizing = resize.handle(
  async ({ image, width }) => `${image.trim()}@${width.toFixed()}`,
);

export const clean = defineJob({
  kind: 'clean',
  transaction: true,
  enabled: flag('clean', { default: true }),
  schedule: [
    { name: 'often', at: every('30s'), missed: 'skip' },
    { name: 'nightly', at: cron('0 3 * * *', { timeZone: 'Europe/Berlin' }) },
  ],
  async handler(_, { tx, enqueue }) {
    const { rows } = await tx.query<{ id: number }>('SELECT 1 AS id');
    for (const { id } of rows) await enqueue(resize, { image: `${id}.png` });
  },
});

export const heavy = defineJob({
  kind: 'heavy',
  isolate: { module: import.meta.url, in: 'process' },
  handler: (_, { id }) => id,
});

export const millrace = createMillrace({
  connection: process.env['DATABASE_URL'],
  jobs: [sendMail, resizing, clean, heavy],
  captureLogs: true,
});

export async function signUp(own: Transaction): Promise<EnqueueResult[]> {
  const mail: InputOf<typeof sendMail> = { to: 'ada@example.com', at: '2026-01-01T00:00:00Z' };
  const delay: Duration = '10s';
  return millrace.transaction(async (tx) => [
    await millrace.enqueue(sendMail, mail, { tx, delay, tags: ['sign-up'], uniqueKey: mail.to }),
    await millrace.enqueue(clean, {}, { tx: own }),
    await millrace.enqueue(clean),
    ...(await millrace.enqueueMany([sendMail.with(mail), resize.with({ image: 'a.png' })], { tx })),
  ]);
}

export async function look(id: string): Promise<string> {
  const job: Job | null = await millrace.get(id);
  const { jobs } = await millrace.list({ kind: 'send-mail', state: ['retryable'], limit: 10 });
  const { code, sentence } = await millrace.why(id);
  for (const each of jobs) if (each.payload !== null) await millrace.retry(each.id);
  try {
    await millrace.cancel(id, { reason: 'no longer' });
  } catch (error) {
    if (!isMillraceError(error, 'MILLRACE_JOB_NOT_FOUND')) throw error;
  }
  return `${job?.state ?? 'unknown'} ${code} ${sentence}`;
}

export function watch(Sentry: SentryModule): () => void {
  const metrics = millrace.attach(prometheus({ registry: new Registry() }));
  millrace.attach(opentelemetry({ trace: 'link' }));
  millrace.attach(sentry(Sentry));
  void metrics.text().then((page) => page.length);
  return millrace.subscribe((event: MillraceEvent) => {
    if (event.name === 'attempt:finished') event.data.durationMs.toFixed();
  });
}

export async function work(): Promise<void> {
  const supervised = isSupervised() ? joinSupervisor(millrace) : undefined;
  const worker = millrace.createWorker({ concurrency: 5, queues: { mail: { concurrency: 1 } } });
  const scheduler = millrace.createScheduler({ jobs: [clean] });
  await scheduler.start();
  const { givenBack } = await worker.run(supervised && { signal: supervised.stop });
  await supervised?.done({ givenBack });
  await createSupervisor({ module: import.meta.filename, processes: 2 }).start();
}

export async function test(): Promise<void> {
  const database = await createTestDatabase();
  const tested = createMillrace({ connection: database.url, jobs: [sendMail, clean] });
  await tested.enqueue(sendMail, { to: 'ada@example.com', at: '2026-01-01T00:00:00Z' });
  await assertEnqueued(tested, sendMail, { payload: { to: 'ada@example.com' }, count: 1 });
  await drain(tested, { crashAt: 'after-handler' });
  await simulate(tested, { for: '1d' });
  const { state } = await runJob(resizing, { image: 'a.png' }, { attempt: 2 });
  if (state === 'completed') await database.drop();
}

/** A helper that is typed by what the package exports. */
export const idOf = ({ id, kind }: JobContext): string => `${kind}/${id}`;
