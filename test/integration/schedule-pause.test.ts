import { expect, it } from 'vitest';
import { createMillrace, cron, defineJob, every, type MillraceEvent } from 'millrace';
import { driveClock } from 'millrace/testing';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { openStorage, newJob } from '../helpers/storage.ts';

const often = defineJob({ kind: 'often', schedule: { at: every('10s'), missed: { all: '1d' } } });

async function fires(app: TestMillrace): Promise<number[]> {
  const rows = await app.database.query<{ at: Date }>(
    'SELECT fire_time AS at FROM millrace.schedule_fire ORDER BY fire_time',
  );
  return rows.map(({ at }) => at.getTime());
}

it('what passes while a schedule is paused is let go, whatever its policy, and it goes on at its own times', async () => {
  await using app = await createTestMillrace({ jobs: [often] });
  await using clock = await driveClock(app.database.url);
  await using scheduler = app.millrace.createScheduler();
  await scheduler.tick();
  const [{ anchor } = { anchor: new Date(0) }] = await app.millrace.schedules();
  await clock.advance('10s');
  expect(await scheduler.tick()).toBe(1);

  const pause = { reason: 'maintenance', by: 'ada' };
  expect(await app.millrace.pauseSchedule('often', pause)).toEqual({ status: 'paused' });
  await clock.advance('47s');
  expect(await scheduler.tick()).toBe(0);
  expect(await app.millrace.schedules()).toMatchObject([
    { paused: { by: 'ada', reason: 'maintenance' }, nextFires: [], overdue: 4, skipped: 0 },
  ]);

  expect(await app.millrace.resumeSchedule('often')).toEqual({ status: 'resumed' });
  expect(await scheduler.tick()).toBe(0);
  const [resumed] = await app.millrace.schedules({ next: 2 });
  expect(resumed).toMatchObject({ paused: null, overdue: 0, skipped: 4 });
  expect(resumed?.nextFires.map((at) => at.getTime() - anchor.getTime())).toEqual([60_000, 70_000]);
  await clock.advance('5s');
  expect(await scheduler.tick()).toBe(1);
  expect((await fires(app)).map((at) => at - anchor.getTime())).toEqual([10_000, 60_000]);
});

it('a pause outlives every process and holds for all, and a second one leaves the first as it was', async () => {
  await using app = await createTestMillrace({ jobs: [often] });
  await using clock = await driveClock(app.database.url);
  const first = app.millrace.createScheduler();
  await first.tick();
  await app.millrace.pauseSchedule('often', { reason: 'first', by: 'ada' });
  expect(await app.millrace.pauseSchedule('often', { reason: 'second', by: 'bob' })).toEqual({
    status: 'already',
  });
  await first.stop();
  await clock.advance('25s');
  await using other = createMillrace({
    connection: app.database.url,
    jobs: [often],
    logger: false,
  });
  await using second = other.createScheduler();
  expect(await second.tick()).toBe(0);
  expect(await other.schedules()).toMatchObject([{ paused: { by: 'ada', reason: 'first' } }]);
  expect(await fires(app)).toEqual([]);
});

it('a scheduler that read the schedule before it was paused fires nothing after it', async () => {
  await using app = await createTestMillrace({ jobs: [often] });
  await using clock = await driveClock(app.database.url);
  await using scheduler = app.millrace.createScheduler();
  await scheduler.tick();
  await clock.advance('10s');
  const storage = openStorage(app.database.url);
  const [read] = await storage.session().readSchedules(['often']);
  await app.millrace.pauseSchedule('often', { by: 'ada', reason: 'now' });
  const fireMs = (read?.anchorMs ?? 0) + 10_000;
  const fire = { name: 'often', spec: often.settings.schedules[0]?.times.spec ?? '', fireMs };
  expect(await storage.session().fire({ ...fire, job: newJob() })).toBeNull();
  await app.millrace.resumeSchedule('often');
  await storage.close();
  expect(await app.database.query('SELECT FROM millrace.job')).toEqual([]);
});

it('who asks for a run gets one job at once, also while paused, and the fire times stay as they are', async () => {
  const daily = defineJob({
    kind: 'report',
    queue: 'reports',
    schedule: [{ name: 'daily', at: cron('0 3 * * *') }],
  });
  await using app = await createTestMillrace({ jobs: [daily] });
  const events: MillraceEvent[] = [];
  app.millrace.subscribe((event) => events.push(event));
  await using scheduler = app.millrace.createScheduler();
  await scheduler.tick();
  const [before] = await app.millrace.schedules();
  await app.millrace.pauseSchedule('daily', { by: 'ada', reason: 'not tonight' });
  const { id } = await app.millrace.fireSchedule('daily', { by: 'ada' });
  expect(await app.millrace.get(id)).toMatchObject({ kind: 'report', queue: 'reports' });
  await app.millrace.resumeSchedule('daily');
  const [after] = await app.millrace.schedules();
  expect(after).toMatchObject({ lastFire: null, lastRun: { by: 'ada', jobId: id }, skipped: 0 });
  expect(after).toMatchObject({ anchor: before?.anchor, nextFires: before?.nextFires });
});

it('a schedule that nobody knows is refused with the name that was probably meant', async () => {
  await using app = await createTestMillrace({ jobs: [often] });
  await using scheduler = app.millrace.createScheduler();
  await scheduler.tick();
  const code = 'MILLRACE_SCHEDULE_UNKNOWN';
  for (const refused of [
    () => app.millrace.pauseSchedule('oftn', { by: 'ada', reason: 'x' }),
    () => app.millrace.resumeSchedule('oftn'),
    () => app.millrace.fireSchedule('oftn', { by: 'ada' }),
  ]) {
    await expect(refused()).rejects.toMatchObject({
      code,
      message: expect.stringContaining("'often'") as string,
    });
  }
});
