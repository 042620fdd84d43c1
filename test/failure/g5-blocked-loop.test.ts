import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { defaultTuning } from '../../packages/millrace/src/core/tuning.ts';
import { blocking, blockingFile, held } from '../fixtures/jobs.ts';
import { brisk, Fleet } from '../helpers/fleet.ts';
import type { WorkerConfig, WorkerProcess } from '../helpers/worker-process.ts';

const tuning = { ...brisk, heartbeatMs: 150, silentForMs: 2_000 };
/** After so long without an answer a session counts as lost. */
const answerMs = 10_000;
const events = [
  'loop:blocked',
  'loop:unwatched',
  'worker:blocked',
  'worker:died',
  'worker:renewed',
  'job:rescued',
] as const;

/** A process whose event loop a job blocks, and one that would run the job if it were lost. */
interface Scene {
  readonly fleet: Fleet;
  readonly blocked: WorkerProcess;
  readonly other: WorkerProcess;
  readonly id: string;
  /** Lets the event loop go on. */
  readonly endBlock: (process: WorkerProcess) => void;
}

/** Resolves when the other one has seen the block. */
async function block(fleet: Fleet, config: Partial<WorkerConfig> = {}): Promise<Scene> {
  const file = fleet.fileNamed('end of the block');
  const queues = ['default', 'its own'];
  const blocked = await fleet.start({ tuning, events, queues, ...config });
  const [id = ''] = await fleet.enqueue(blocking.with({ untilFile: file }, { queue: 'its own' }));
  await blocked.waitForBegan(id);
  const other = await fleet.start({ tuning, events, queues });
  await other.waitFor('the block is seen', () => other.events('worker:blocked').length > 0);
  const endBlock = ({ pid }: WorkerProcess) => writeFileSync(blockingFile(file, pid), '');
  return { fleet, blocked, other, id, endBlock };
}

/** Waits until the job has blocked the loop for three times the bound of silence. */
async function outlastSilence({ fleet, id }: Scene): Promise<void> {
  await fleet.until('the loop is blocked for so long', async () => {
    const [row] = await fleet.query<{ long: boolean }>(
      `SELECT clock_timestamp() - claimed_at > $1 * interval '3 ms' AS long
         FROM millrace.job WHERE id = $2`,
      [tuning.silentForMs, id],
    );
    return row?.long === true;
  });
}

/** Ends the block and shows that nobody took anything from the process. */
async function expectOneRun(scene: Scene): Promise<void> {
  const { fleet, blocked, other, id, endBlock } = scene;
  const job = { id, kind: 'blocking', queue: 'its own', attempt: 1 };
  endBlock(blocked);
  await fleet.finished();
  await blocked.waitFor('it tells of the block', () => blocked.events('loop:blocked').length > 0);
  const [told] = blocked.events('loop:blocked');
  expect(told?.jobs).toEqual([job]);
  expect(told?.durationMs).toBeGreaterThan(3 * tuning.silentForMs - tuning.blockedForMs);
  expect(await fleet.millrace.get(id)).toMatchObject({
    state: 'completed',
    attempt: 1,
    crashes: 0,
  });
  const pids = other.events('worker:died').map(({ pid }) => pid);
  expect(pids).not.toContain(blocked.pid);
  expect(other.events('worker:blocked')).toMatchObject([
    { host: hostname(), pid: blocked.pid, jobs: [job] },
  ]);
  for (const each of [blocked, other]) expect(each.events('loop:unwatched')).toEqual([]);
  expect(await fleet.violations({ exactlyOnce: true, allFinished: true })).toEqual([]);
}

/** The identities of a process, and what their rows say of its event loop. */
function rowsOf(fleet: Fleet, { pid }: WorkerProcess) {
  return fleet.query<{ no: number; role: string; blocked: boolean; blocked_by: string[] | null }>(
    `SELECT no, role, blocked_since IS NOT NULL AS blocked, blocked_by::text[]
       FROM millrace.worker WHERE pid = $1 ORDER BY no`,
    [pid],
  );
}

describe('a handler that blocks the event loop for three times the bound of silence', () => {
  it('G5: does not run twice, although its process was the one that looked for the dead', async () => {
    await using fleet = await Fleet.create();
    const scene = await block(fleet);
    const { blocked, other, id } = scene;
    expect(await rowsOf(fleet, blocked)).toMatchObject([{ blocked: true, blocked_by: [id] }]);
    await outlastSilence(scene);

    // The dead are found meanwhile.
    const killed = await fleet.start({ tuning });
    await killed.kill();
    await other.waitFor('the killed one is found', () => other.events('worker:died').length > 0);
    expect(other.events('worker:died')).toMatchObject([{ pid: killed.pid }]);

    await expectOneRun(scene);
    expect(blocked.events('worker:renewed')).toEqual([]);
    await fleet.until('its row says that the loop goes on', async () =>
      (await rowsOf(fleet, blocked)).every((row) => !row.blocked && row.blocked_by === null),
    );
  });

  it('G5: costs none of the workers and schedulers of its process their identity', async () => {
    await using fleet = await Fleet.create();
    const idle = await fleet.start({ tuning, events, queues: ['default'] });
    const scene = await block(fleet, { workers: 2, scheduler: 'idle' });
    const before = await rowsOf(fleet, scene.blocked);
    expect(before.map(({ role }) => role).toSorted()).toEqual(['scheduler', 'worker', 'worker']);
    expect(before.every((row) => row.blocked && row.blocked_by?.[0] === scene.id)).toBe(true);
    await outlastSilence(scene);
    await expectOneRun(scene);
    const { blocked } = scene;
    const renewed = blocked.events('worker:renewed').map(({ reason }) => reason);
    expect(renewed).not.toContain('declared_dead');
    // On a busy machine it may last for so long that answers come too late, and sessions are lost like any other.
    const [told] = blocked.events('loop:blocked');
    if (told !== undefined && told.durationMs < answerMs)
      expect((await rowsOf(fleet, blocked)).map(({ no }) => no)).toEqual(
        before.map(({ no }) => no),
      );
    expect(idle.events('worker:died')).toEqual([]);
  });

  it('G5: does not run twice when the session of its worker is lost meanwhile', async () => {
    await using fleet = await Fleet.create();
    const scene = await block(fleet);
    const [cut] = await fleet.query<{ n: number }>(
      `SELECT count(pg_terminate_backend(l.pid))::int AS n FROM pg_locks l JOIN millrace.worker w ON w.no = l.objid::bigint
        WHERE l.locktype = 'advisory' AND w.pid = $1 AND l.classid::bigint = millrace.liveness_class()`,
      [scene.blocked.pid],
    );
    expect(cut).toEqual({ n: 1 });
    await outlastSilence(scene);
    await expectOneRun(scene);
    const { blocked } = scene;
    await blocked.waitFor('it is renewed', () => blocked.events('worker:renewed').length > 0);
    const [{ reason } = {}] = blocked.events('worker:renewed');
    expect(reason).not.toBe('declared_dead');
  });
});

it('G5: with the defaults the others see a blocked event loop, and by which job, in less than two seconds', async () => {
  await using fleet = await Fleet.create();
  const defaults = { tuning: defaultTuning, events };
  const other = await fleet.start({ ...defaults, queues: ['default'] });
  const blocked = await fleet.start({ ...defaults, queues: ['its own'] });
  const untilFile = fleet.fileNamed('end of the block');
  const [id = ''] = await fleet.enqueue(blocking.with({ untilFile }, { queue: 'its own' }));
  await blocked.waitForBegan(id);
  const beganMs = performance.now();
  await other.waitFor('the block is seen', () => other.events('worker:blocked').length > 0);
  const tookMs = Math.round(performance.now() - beganMs);
  process.stdout.write(`G5: seen by others ${tookMs} ms after the handler began to block\n`);
  expect(tookMs).toBeLessThan(3 * 2_000);
  expect(other.events('worker:blocked')).toMatchObject([{ pid: blocked.pid, jobs: [{ id }] }]);
  writeFileSync(blockingFile(untilFile, blocked.pid), '');
  await fleet.finished();
});

describe('a process whose event loop is blocked', () => {
  it('G5: G2: is found silent when it is frozen as well, and what it comes to is refused', async () => {
    await using fleet = await Fleet.create();
    const { blocked, other, id, endBlock } = await block(fleet);
    blocked.signal('SIGSTOP');
    const frozenMs = performance.now();
    await other.waitForBegan(id);
    const tookMs = Math.round(performance.now() - frozenMs);
    process.stdout.write(`G5: a blocked process that was frozen: rescued after ${tookMs} ms\n`);
    expect(tookMs).toBeLessThan(3 * (tuning.silentForMs + tuning.lookMs));
    expect(other.events('worker:died')).toMatchObject([{ pid: blocked.pid, crashed: false }]);
    blocked.signal('SIGCONT');
    endBlock(blocked);
    endBlock(other);
    await blocked.waitFor('it is renewed', () => blocked.events('worker:renewed').length > 0);
    await fleet.finished();
    expect(await fleet.violations({ allFinished: true })).toEqual([]);
  });

  it('G5: G3: is found dead when it is killed, as soon as any other', async () => {
    await using fleet = await Fleet.create();
    const { blocked, other, id, endBlock } = await block(fleet);
    const killedMs = performance.now();
    await blocked.kill();
    await other.waitForBegan(id);
    const tookMs = Math.round(performance.now() - killedMs);
    process.stdout.write(`G5: a blocked process that was killed: rescued after ${tookMs} ms\n`);
    expect(tookMs).toBeLessThan(3 * (tuning.freeForMs + 2 * tuning.lookMs));
    expect(other.events('worker:died')).toMatchObject([{ pid: blocked.pid, crashed: true }]);
    expect(await fleet.millrace.get(id)).toMatchObject({ attempt: 1, crashes: 1 });
    endBlock(other);
    await fleet.finished();
    expect(await fleet.violations({ allFinished: true })).toEqual([]);
  });

  it('G5: G22: that is told to stop writes the outcome, and ends when the loop goes on', async () => {
    await using fleet = await Fleet.create();
    const { blocked, other, id, endBlock } = await block(fleet);
    blocked.signal('SIGTERM');
    endBlock(blocked);
    expect(await blocked.exit).toEqual({ code: 0, signal: null });
    expect(await rowsOf(fleet, blocked)).toEqual([]);
    expect(await fleet.millrace.get(id)).toMatchObject({ state: 'completed', attempt: 1 });
    const [next = ''] = await fleet.enqueue(held.with({}));
    await other.waitForBegan(next);
    other.letGo();
    await fleet.finished();
    expect(await fleet.violations({ exactlyOnce: true, allFinished: true })).toEqual([]);
  });
});
