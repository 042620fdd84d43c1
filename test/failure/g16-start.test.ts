import { expect, it, vi } from 'vitest';
import { createMillrace, defineJob, every, type Millrace } from 'millrace';
import { createTestDatabase } from '../helpers/database.ts';
import { goodbye, startRewritingProxy } from '../helpers/rewriting-proxy.ts';

vi.setConfig({ testTimeout: 120_000 });

const readyForQuery = 'Z'.charCodeAt(0);
const job = defineJob({ kind: 'job', schedule: every('1h') }).handle(async () => {});

/** Whatever a server says when it ends a session: on being stopped, on a crash, while it starts. */
const states = ['57P01', '57P02', '57P03'];
const atATime = 6;

type Create = (millrace: Millrace) => { start(): Promise<void> };

/** Starts something whose server ends a session instead of its last answer; null when it does not come to that. */
async function startUntil(url: string, create: Create, last: number): Promise<unknown> {
  let answers = 0;
  await using proxy = await startRewritingProxy(url, (message) => {
    if (message[0] === readyForQuery) answers += 1;
    const isLast = message[0] === readyForQuery && answers === last;
    return isLast ? goodbye(states[last % states.length] ?? '') : message;
  });
  await using millrace = createMillrace({ connection: proxy.url, jobs: [job], logger: false });
  const failure = await create(millrace)
    .start()
    .then(
      () => undefined,
      (error: unknown) => error,
    );
  return answers < last ? null : failure;
}

it.each<[string, Create]>([
  ['a worker', (millrace) => millrace.createWorker()],
  ['a scheduler', (millrace) => millrace.createScheduler()],
])(
  'G16: whenever the server ends one of its sessions, %s starts all the same or says that the database cannot be reached',
  async (_, create) => {
    await using database = await createTestDatabase();
    const ends: unknown[] = [];
    while (!ends.includes(null)) {
      const tries = Array.from({ length: atATime }, (__, index) =>
        startUntil(database.url, create, ends.length + index + 1),
      );
      ends.push(...(await Promise.all(tries)));
    }
    const failures = ends.filter((end) => end !== undefined && end !== null);
    for (const failure of failures)
      expect(failure).toMatchObject({ code: 'MILLRACE_DB_UNREACHABLE' });
    expect(failures.length).toBeGreaterThan(5);
  },
);
