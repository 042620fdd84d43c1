import { afterAll, beforeAll, expect, it } from 'vitest';
import { leavesTrace, settle, type Outcome } from '../../packages/millrace/src/core/lifecycle.ts';
import type { SettleRequest } from '../../packages/millrace/src/core/storage.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { claim, completed, identity, leaseOf, newJob, openStorage } from '../helpers/storage.ts';

let database: TestDatabase;
let storage: ReturnType<typeof openStorage>;
const me = 1_000;

beforeAll(async () => {
  database = await createTestDatabase();
  storage = openStorage(database.url);
  await storage.session().register(identity(me));
});

afterAll(async () => {
  await storage.close();
  await database.drop();
});

const error = { name: 'Error', message: 'x' };
const outcomes: readonly Outcome[] = [
  { type: 'complete', result: null },
  { type: 'retry', error, delay: { ms: 0, from: 'now' } },
  { type: 'discard', reason: 'x' },
  { type: 'cancel', reason: 'x' },
  { type: 'snooze', delayMs: 60_000 },
  { type: 'giveBack' },
];

it('C9: whatever leaves a trace is recognized when it was written although its answer was lost, and nothing else is', async () => {
  const session = storage.session();
  const settlements = outcomes.flatMap((outcome) =>
    (['all', 'failures', 'none'] as const).map((history) =>
      settle(outcome, { attempt: 1, maxAttempts: 3 }, history),
    ),
  );
  await storage.enqueue(settlements.map(() => newJob()));
  const jobs = await claim(session, me, 1);
  const requests = settlements.map((settlement, index): SettleRequest => {
    const { id = '', lease = '' } = jobs[index] ?? {};
    return { id, lease, settlement };
  });
  for (const request of requests) {
    expect(await session.settle([request])).toMatchObject([{ status: 'written' }]);
    const again = leavesTrace(request.settlement) ? 'already' : 'lost';
    expect([request, await session.settle([request])]).toMatchObject([
      request,
      [{ id: request.id, status: again }],
    ]);
  }
});

it('A1: G1: a claim whose completions cannot be looked up has claimed all the same', async () => {
  const session = storage.session();
  await database.query('TRUNCATE millrace.job');
  await storage.enqueue([newJob(), newJob()]);
  const [first] = await claim(session, me, 2, { limit: 1 });
  const lost = { id: first?.id ?? '', lease: leaseOf(me, 99), settlement: completed };
  // Only the look needs this table.
  await database.query('ALTER TABLE millrace.job_attempt RENAME TO away');
  const answer = await session.claim({
    worker: me,
    lease: leaseOf(me, 3),
    kinds: ['test'],
    queues: [{ queue: 'default', limit: 1 }],
    limit: 1,
    everywhere: 'yes',
    completed: [lost],
  });
  await database.query('ALTER TABLE millrace.away RENAME TO job_attempt');
  expect(answer).toMatchObject({
    jobs: [{ lease: leaseOf(me, 3) }],
    unwritten: [{ id: lost.id, status: 'busy' }],
  });
  expect(await session.settle([lost])).toEqual([{ id: lost.id, status: 'lost' }]);
});
