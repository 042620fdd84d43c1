import { expect, it } from 'vitest';
import { claimedJob } from '../../../../test/helpers/worker-parts.ts';
import type { AttemptEnd, EnqueueEnd, Telemetry } from '../core/telemetry.ts';
import type { NewJob } from '../core/storage.ts';
import { systemClock } from '../system-clock.ts';
import { recordedSource } from '../../../../test/helpers/telemetry-source.ts';
import { Instruments } from './instruments.ts';

const end: AttemptEnd = {
  finished: {
    id: '1',
    kind: 'test',
    queue: 'default',
    attempt: 1,
    state: 'completed',
    durationMs: 1,
    exception: '',
    error: null,
  },
  thrown: undefined,
};

const newJob: NewJob = {
  kind: 'test',
  queue: 'default',
  priority: 0,
  maxAttempts: 1,
  payload: {},
  meta: { tags: ['a'] },
  policy: {},
  uniqueKey: undefined,
  delayMs: undefined,
  scheduledAt: undefined,
};

function plugged(...tools: readonly Omit<Telemetry, 'name'>[]): Instruments {
  const instruments = new Instruments(systemClock);
  for (const [index, tool] of tools.entries())
    instruments.attach({ name: `tool ${index}`, ...tool }, () => recordedSource().source);
  return instruments;
}

it.each<[string, NonNullable<Telemetry['aroundAttempt']>]>([
  [
    'throws',
    () => {
      throw new Error('mine');
    },
  ],
  ['rejects', () => Promise.reject(new Error('mine'))],
  ['never ends', () => new Promise(() => {})],
  ['never calls', () => {}],
  [
    'calls twice',
    (_job, run) => {
      void run();
      void run();
    },
  ],
  [
    'calls and throws',
    (_job, run) => {
      void run();
      throw new Error('mine');
    },
  ],
])(
  'a tool that %s changes nothing for the attempt, which runs once',
  async (_what, aroundAttempt) => {
    let runs = 0;
    const instruments = plugged({ aroundAttempt }, { aroundAttempt });
    const answer = await instruments.aroundAttempt(claimedJob(), async () => {
      runs += 1;
      return end;
    });
    expect(answer).toBe(end);
    expect(runs).toBe(1);
  },
);

it('tools stand around each other in the order in which they were attached', async () => {
  const order: string[] = [];
  const tool = (name: string): Omit<Telemetry, 'name'> => ({
    async aroundAttempt(_job, run) {
      order.push(`${name} begins`);
      await run(name);
      order.push(`${name} ends`);
    },
  });
  await plugged(tool('outer'), tool('inner')).aroundAttempt(claimedJob(), async (traceId) => {
    order.push(`runs in ${traceId ?? 'none'}`);
    return end;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(order).toEqual([
    'outer begins',
    'inner begins',
    'runs in inner',
    'inner ends',
    'outer ends',
  ]);
});

it('what tools want to be carried is added to what the job has', async () => {
  const traceparent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;
  const instruments = plugged({ aroundEnqueue: (_jobs, run) => run({ traceparent }) });
  let stored: readonly NewJob[] = [];
  await instruments.aroundEnqueue([newJob], async (jobs) => {
    stored = jobs;
    return [{ status: 'created', id: '1' }];
  });
  expect(stored[0]?.meta).toEqual({ tags: ['a'], traceparent });
});

it('an enqueue that fails is told to the tools and rejects as it did', async () => {
  const ends: EnqueueEnd[] = [];
  const broken = new Error('no database');
  const instruments = plugged({
    aroundEnqueue: (_jobs, run) => run().then((told) => ends.push(told)),
  });
  const failing = instruments.aroundEnqueue([newJob], () => Promise.reject(broken));
  await expect(failing).rejects.toBe(broken);
  expect(ends).toMatchObject([{ error: broken, durationMs: expect.any(Number) as unknown }]);
});
