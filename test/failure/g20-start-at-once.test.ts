import { expect, it, vi } from 'vitest';
import { short } from '../fixtures/jobs.ts';
import { Fleet } from '../helpers/fleet.ts';

vi.setConfig({ testTimeout: 180_000 });

const processes = 20;

it(`G20: ${processes} processes that migrate an empty database at once and then work run each migration once, and all of them work`, async () => {
  await using fleet = await Fleet.create({ template: 'template0' });
  const launched = Array.from({ length: processes }, () =>
    fleet.launch({ migrates: true, concurrency: 1, events: ['attempt:started'] }),
  );
  // In turn: on a busy machine so many take longer than one may.
  for (const each of launched) await each.ready();
  const migrations = await fleet.query<{ name: string }>(
    'SELECT name FROM millrace.migration ORDER BY id',
  );
  expect(new Set(migrations.map(({ name }) => name)).size).toBe(migrations.length);
  expect(await fleet.millrace.pendingMigrations()).toEqual([]);
  const applied = launched.flatMap((each) => each.migrated);
  expect(applied.toSorted()).toEqual(migrations.map(({ name }) => name));

  await fleet.enqueue(...Array.from({ length: 10 * processes }, () => short.with({ ms: 100 })));
  await fleet.finished();
  for (const each of launched) expect(each.events('attempt:started')).not.toEqual([]);
  expect(await fleet.violations({ allFinished: true, exactlyOnce: true })).toEqual([]);
});
