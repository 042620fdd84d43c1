import { setTimeout as sleep } from 'node:timers/promises';
import { count, rows, type Check, type Part } from './checks.ts';
import type { Progress } from './progress.ts';
import { hourMs, minuteMs } from './schedule-watch.ts';
import { until } from './until.ts';
import type { World } from './world.ts';

/** What a part came to. */
export interface Played {
  readonly part: Part;
  /** Of the rush, when everything is to be done at once. */
  readonly jobs: number;
  readonly seconds: number;
}

const digestsEveryMs = 15 * minuteMs;
const nightfallMs = 16 * hourMs;
const dayMs = 24 * hourMs;

/** `millrace start` runs this many jobs at a time. */
const concurrency = 10;

/** What a worker claims ahead of its free slots, at most. */
const ahead = 500;

interface Status {
  readonly finished: number;
  readonly running: number;
  /** Due now. */
  readonly due: number;
  /** To be tried again later. */
  readonly later: number;
}

/** Part 1: a rush of messages, then a day with a few in every hour, and a night that the clock leaps over. */
export async function playDay(world: World, messages: number, progress: Progress): Promise<Played> {
  const part = await begin(world);
  const rush = await measure(world, async () => {
    const posting = world.posters.post(messages);
    await Promise.all([posting, nothingDue(world, progress, 'rush', posting)]);
  });
  const perHour = Math.ceil(messages / 100);
  for (let passedMs = digestsEveryMs; passedMs <= nightfallMs; passedMs += digestsEveryMs) {
    if (passedMs % hourMs === 0) await world.posters.post(perHour);
    await world.watch.jump(digestsEveryMs);
    progress.show(`day: ${clockFace(passedMs)}`);
  }
  progress.show('night: a jump of eight hours, as if everything had been down');
  await world.watch.jump(dayMs);
  await runOut(world, progress, 'day');
  return { part, ...rush };
}

/** Part 2: a rush of messages; half-way one worker process is killed, and the other one does the rest. */
export async function playKill(
  world: World,
  messages: number,
  progress: Progress,
): Promise<Played & { readonly inHand: Check }> {
  const part = await begin(world);
  const [victim] = world.workers;
  const rush = await measure(world, async () => {
    const posting = world.posters.post(messages);
    await Promise.all([posting, halfway(world, part, messages, progress)]);
    await victim.kill();
    progress.say(
      `     kill -9 ${victim.pid}; its jobs are rescued when the other sees that its session is gone`,
    );
    await nothingDue(world, progress, 'one worker left', posting);
  });
  await runOut(world, progress, 'rest');
  const [found] = await rows<{ crashed: string }>(
    world.millrace,
    'SELECT count(*) AS crashed FROM millrace.jobs WHERE crashes > 0',
  );
  const crashed = Number(found?.crashed);
  const inHand = {
    what: 'jobs that the killed worker had in hand, rescued',
    expected: `1 to ${concurrency + ahead}`,
    found: count(crashed),
    holds: crashed >= 1 && crashed <= concurrency + ahead,
  };
  return { part: { ...part, repeatsAllowed: crashed }, ...rush, inHand };
}

/** Every message leads to one or two e-mails: resolves when about half of them are out and no worker is idle. */
async function halfway(
  world: World,
  part: Part,
  messages: number,
  progress: Progress,
): Promise<void> {
  await until('half of the e-mails are out', async () => {
    const { due, running } = await statusOf(world);
    progress.show(`rush: ${described(world)}; jobs waiting ${count(due)}, running ${running}`);
    const mailed = world.mailLog.length - part.mailLine;
    return mailed >= messages * 0.6 && running > concurrency;
  });
}

async function begin(world: World): Promise<Part> {
  const [last] = await rows<{ id: string | null }>(
    world.millrace,
    'SELECT max(id) AS id FROM messages',
  );
  return {
    afterMessage: Number(last?.id ?? 0),
    mailLine: world.mailLog.length,
    pushLine: world.pushLog.length,
    repeatsAllowed: 0,
  };
}

async function measure(
  world: World,
  work: () => Promise<void>,
): Promise<{ jobs: number; seconds: number }> {
  const startedAt = performance.now();
  const before = await statusOf(world);
  await work();
  const after = await statusOf(world);
  return {
    jobs: after.finished - before.finished,
    seconds: (performance.now() - startedAt) / 1_000,
  };
}

/** Lets time pass until nothing waits any more and the last digests are out. */
async function runOut(world: World, progress: Progress, what: string): Promise<void> {
  let status: Status;
  await nothingDue(world, progress, what);
  do {
    await world.watch.jump(digestsEveryMs);
    status = await nothingDue(world, progress, what);
  } while (status.later > 0);
}

/** Waits until all that is due is done; what is to be tried again later may wait. */
async function nothingDue(
  world: World,
  progress: Progress,
  what: string,
  posting: Promise<void> = Promise.resolve(),
): Promise<Status> {
  let posted = false;
  void posting.finally(() => (posted = true)).catch(() => {});
  let status = await statusOf(world);
  await until('all that is due is done', async () => {
    await sleep(80);
    const before = posted;
    status = await statusOf(world);
    progress.show(
      `${what}: ${described(world)}; jobs waiting ${count(status.due)}, running ${status.running}`,
    );
    return before && status.due + status.running === 0;
  });
  return status;
}

async function statusOf({ millrace }: World): Promise<Status> {
  const [found] = await rows<Record<string, string>>(
    millrace,
    `SELECT count(finished_at) AS finished,
            count(*) FILTER (WHERE state = 'running') AS running,
            count(*) FILTER (WHERE state = 'available') AS due,
            count(*) FILTER (WHERE state IN ('scheduled', 'retryable')) AS later
       FROM millrace.jobs`,
  );
  const value = (name: string) => Number(found?.[name]);
  return {
    finished: value('finished'),
    running: value('running'),
    due: value('due'),
    later: value('later'),
  };
}

function described({ posters, mailLog, pushLog }: World): string {
  return (
    `messages ${count(posters.posted)}, rolled back ${count(posters.refused)}, ` +
    `e-mails ${count(mailLog.length)}, pushes ${count(pushLog.length)}`
  );
}

function clockFace(passedMs: number): string {
  const [hours, minutes] = [Math.floor(passedMs / hourMs), (passedMs % hourMs) / minuteMs];
  return `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
}
