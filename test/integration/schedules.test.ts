import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createMillrace, cron, defineJob, every, type MillraceEvent } from 'millrace';
import { driveClock } from 'millrace/testing';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';

/** Every fire time in the database with the job made for it, oldest first. */
async function fires(
  app: TestMillrace,
  name?: string,
): Promise<{ name: string; at: Date; job_id: string }[]> {
  return app.database.query(
    `SELECT name, fire_time AS at, job_id FROM millrace.schedule_fire
      WHERE $1::text IS NULL OR name = $1 ORDER BY fire_time, name`,
    [name ?? null],
  );
}

describe('intervals', () => {
  it('W16: 7 s and 11 s over 70 s inclusive make 18 jobs at anchor + k × interval', async () => {
    const seven = defineJob({ kind: 'seven', schedule: { at: every('7s'), runOnStart: true } });
    const eleven = defineJob({ kind: 'eleven', schedule: { at: every('11s'), runOnStart: true } });
    await using app = await createTestMillrace({ jobs: [seven, eleven] });
    await using clock = await driveClock(app.database.url);
    const scheduler = app.millrace.createScheduler();
    let made = await scheduler.tick();
    for (let second = 0; second < 70; second++) {
      await clock.advance('1s');
      made += await scheduler.tick();
    }
    const all = await fires(app);
    const startMs = all[0]?.at.getTime() ?? 0;
    const offsets = all
      .map(({ at }) => (at.getTime() - startMs) / 1_000)
      .filter((offset) => offset <= 70);
    expect(offsets).toEqual([0, 0, 7, 11, 14, 21, 22, 28, 33, 35, 42, 44, 49, 55, 56, 63, 66, 70]);
    expect(made).toBe(all.length);
    await scheduler.stop();
  });

  it('W16: without runOnStart nothing fires at the start, and the anchor survives a restart', async () => {
    const job = defineJob({ kind: 'steady', schedule: every('60s') });
    await using app = await createTestMillrace({ jobs: [job] });
    await using clock = await driveClock(app.database.url);
    const first = app.millrace.createScheduler();
    expect(await first.tick()).toBe(0);
    await clock.advance('30s');
    await first.stop();
    const second = app.millrace.createScheduler();
    expect(await second.tick()).toBe(0);
    await clock.advance('30s');
    expect(await second.tick()).toBe(1);
    await second.stop();
    const [schedule] = await app.millrace.schedules();
    expect((schedule?.lastFire?.getTime() ?? 0) - (schedule?.anchor.getTime() ?? 0)).toBe(60_000);
  });

  it('W16: runOnStart fires for the scheduler that starts alone, not for one that joins others', async () => {
    const job = defineJob({ kind: 'start', schedule: { at: every('1h'), runOnStart: true } });
    await using app = await createTestMillrace({ jobs: [job] });
    const alone = app.millrace.createScheduler();
    expect(await alone.tick()).toBe(1);
    const joining = app.millrace.createScheduler();
    expect(await joining.tick()).toBe(0);
    await alone.stop();
    await joining.stop();
    const again = app.millrace.createScheduler();
    expect(await again.tick()).toBe(1);
    await again.stop();
    expect(await fires(app)).toHaveLength(2);
  });

  it('W16: of schedulers that start at once exactly one fires for the start', async () => {
    const job = defineJob({ kind: 'rush', schedule: { at: every('1h'), runOnStart: true } });
    await using app = await createTestMillrace({ jobs: [job] });
    const others = Array.from({ length: 5 }, () =>
      createMillrace({ connection: app.database.url, jobs: [job], logger: false }),
    );
    const schedulers = others.map((other) => other.createScheduler());
    const made = await Promise.all(schedulers.map((scheduler) => scheduler.tick()));
    expect(made.reduce((sum, n) => sum + n, 0)).toBe(1);
    await Promise.all(schedulers.map((scheduler) => scheduler.stop()));
    await Promise.all(others.map((other) => other.close()));
  });

  it('W17: late passes do not make the times drift', async () => {
    const job = defineJob({ kind: 'late', schedule: every('10s') });
    await using app = await createTestMillrace({ jobs: [job] });
    await using clock = await driveClock(app.database.url);
    const scheduler = app.millrace.createScheduler();
    await scheduler.tick();
    const [schedule] = await app.millrace.schedules();
    for (const step of [13, 9, 17, 8, 12]) {
      await clock.advance(`${step}s`);
      await scheduler.tick();
    }
    const offsets = (await fires(app)).map(
      ({ at }) => at.getTime() - (schedule?.anchor.getTime() ?? 0),
    );
    expect(offsets).toEqual([10_000, 20_000, 30_000, 40_000, 50_000]);
    await scheduler.stop();
  });
});

describe('many schedulers', () => {
  it('G11: every fire time makes exactly one job, with any number of schedulers and restarts at the boundary', async () => {
    const job = defineJob({ kind: 'shared', schedule: every('5s') });
    await using app = await createTestMillrace({ jobs: [job] });
    await using clock = await driveClock(app.database.url);
    const instances = Array.from({ length: 4 }, () =>
      createMillrace({ connection: app.database.url, jobs: [job], logger: false }),
    );
    let schedulers = instances.map((instance) => instance.createScheduler());
    await Promise.all(schedulers.map((scheduler) => scheduler.tick()));
    for (let round = 0; round < 12; round++) {
      await clock.advance('5s');
      await Promise.all(schedulers.map((scheduler) => scheduler.tick()));
      if (round % 3 === 0) {
        await schedulers[0]?.stop();
        schedulers = [...schedulers.slice(1), instances[0]?.createScheduler()].filter(
          (one) => one !== undefined,
        );
      }
    }
    const all = await fires(app);
    expect(all.length).toBeGreaterThanOrEqual(12);
    expect(new Set(all.map(({ at }) => at.getTime())).size).toBe(all.length);
    expect(
      all.every(
        ({ at }, index) =>
          index === 0 || at.getTime() - (all[index - 1]?.at.getTime() ?? 0) === 5_000,
      ),
    ).toBe(true);
    expect((await app.millrace.list({ kind: 'shared', limit: 1_000 })).jobs).toHaveLength(
      all.length,
    );
    await Promise.all(schedulers.map((scheduler) => scheduler.stop()));
    await Promise.all(instances.map((instance) => instance.close()));
  });

  it('W17: G14: a schedule whose payload fails delays no other and goes on itself', async () => {
    let broken = true;
    const payload = z.object({ n: z.number() });
    const bad = defineJob({
      kind: 'a-bad',
      payload,
      schedule: {
        at: every('10s'),
        payload: () => {
          if (broken) throw new Error('cannot make a payload');
          return { n: 1 };
        },
      },
    });
    const good = defineJob({ kind: 'b-good', schedule: every('10s') });
    await using app = await createTestMillrace({ jobs: [bad, good] });
    await using clock = await driveClock(app.database.url);
    const events: MillraceEvent[] = [];
    app.millrace.subscribe((event) => events.push(event));
    const scheduler = app.millrace.createScheduler();
    await scheduler.tick();
    await clock.advance('10s');
    expect(await scheduler.tick()).toBe(1);
    expect((await fires(app)).map(({ name }) => name)).toEqual(['b-good']);
    await expect.poll(() => events.some(({ name }) => name === 'schedule:failed')).toBe(true);
    broken = false;
    expect(await scheduler.tick()).toBe(1);
    expect((await fires(app, 'a-bad')).map(({ at }) => at)).toEqual(
      (await fires(app, 'b-good')).map(({ at }) => at),
    );
    await scheduler.stop();
  });

  it('a schedule that no live process knows fires nothing and is shown as unknown', async () => {
    const job = defineJob({ kind: 'orphan', schedule: every('1s') });
    await using app = await createTestMillrace({ jobs: [job] });
    const scheduler = app.millrace.createScheduler();
    await scheduler.tick();
    expect(await app.millrace.schedules()).toMatchObject([
      { name: 'orphan', spec: 'every 1000ms', known: true },
    ]);
    await scheduler.stop();
    expect(await app.millrace.schedules()).toMatchObject([{ name: 'orphan', known: false }]);
  });

  it('while two releases run side by side the newer decides, and no fire time is doubled', async () => {
    const old = defineJob({ kind: 'digest', schedule: every('10s') });
    const renewed = defineJob({ kind: 'digest', schedule: every('4s') });
    // Schedulers that are driven by hand do not beat.
    const tuning = { silentForMs: 60_000 };
    await using app = await createTestMillrace({ jobs: [old], tuning });
    await using clock = await driveClock(app.database.url);
    const next = createMillrace({ connection: app.database.url, jobs: [renewed], logger: false });
    const oldScheduler = app.millrace.createScheduler();
    await oldScheduler.tick();
    await clock.advance('10s');
    expect(await oldScheduler.tick()).toBe(1);
    const newScheduler = next.createScheduler();
    await newScheduler.tick();
    let fromOld = 0;
    let fromNew = 0;
    for (let step = 0; step < 10; step++) {
      await clock.advance('2s');
      fromOld += await oldScheduler.tick();
      fromNew += await newScheduler.tick();
    }
    expect({ fromOld, fromNew }).toEqual({ fromOld: 0, fromNew: 5 });
    expect(await app.millrace.schedules()).toMatchObject([{ spec: 'every 4000ms', known: true }]);
    await oldScheduler.stop();
    await newScheduler.stop();
    await next.close();
  });
});

describe('missed fire times', () => {
  const cases = [
    ['skip', 'skip', []],
    ['once', 'once', [50]],
    ['all within 26 min', { all: '26m' }, [30, 40, 50]],
    ['all within a day', { all: '1d' }, [10, 20, 30, 40, 50]],
  ] as const;

  it.each(cases)(
    'G12: policy %s is obeyed when nothing ran for 55 minutes',
    async (_name, missed, minutes) => {
      const job = defineJob({ kind: 'ten', schedule: { at: every('10m'), missed } });
      await using app = await createTestMillrace({ jobs: [job] });
      await using clock = await driveClock(app.database.url);
      const before = app.millrace.createScheduler();
      await before.tick();
      await before.stop();
      const [schedule] = await app.millrace.schedules();
      await clock.advance('55m');
      const after = app.millrace.createScheduler();
      expect(await after.tick()).toBe(minutes.length);
      expect(await after.tick()).toBe(0);
      const offsets = (await fires(app)).map(
        ({ at }) => (at.getTime() - (schedule?.anchor.getTime() ?? 0)) / 60_000,
      );
      expect(offsets).toEqual(minutes);
      await clock.advance('5m');
      expect(await after.tick()).toBe(1);
      await after.stop();
    },
  );

  it('G12: cron fires the latest missed time once, by default', async () => {
    const job = defineJob({ kind: 'hourly', schedule: cron('0 * * * *') });
    await using app = await createTestMillrace({ jobs: [job] });
    await using clock = await driveClock(app.database.url);
    const scheduler = app.millrace.createScheduler();
    await scheduler.tick();
    await clock.advance('5h');
    expect(await scheduler.tick()).toBe(1);
    const [fire] = await fires(app);
    expect(fire?.at.getUTCMinutes()).toBe(0);
    expect((await clock.now()).getTime() - (fire?.at.getTime() ?? 0)).toBeLessThan(3_600_000);
    await scheduler.stop();
  });
});

describe('the loop', () => {
  it('registers its scheduler once, although it is started twice at the same time', async () => {
    await using app = await createTestMillrace({ jobs: [] });
    const scheduler = app.millrace.createScheduler();
    await Promise.all([scheduler.start(), scheduler.start()]);
    expect(await app.database.query('SELECT role FROM millrace.worker')).toEqual([
      { role: 'scheduler' },
    ]);
    await scheduler.stop();
    expect(await app.database.query('SELECT FROM millrace.worker')).toEqual([]);
  });

  it('fires on its own when the time comes, and stops cleanly', async () => {
    const job = defineJob({ kind: 'loop', schedule: every('1h') });
    await using app = await createTestMillrace({ jobs: [job] });
    await using clock = await driveClock(app.database.url);
    const scheduler = app.millrace.createScheduler();
    await scheduler.start();
    await expect
      .poll(
        async () => {
          await clock.advance('1m');
          return (await fires(app)).length;
        },
        { interval: 5 },
      )
      .toBe(1);
    await Promise.all([scheduler.stop(), scheduler.stop()]);
  });
});
