import { expect, it } from 'vitest';
import { measureUpgradeLocks } from '../../scripts/locks/upgrade-locks.ts';
import { migrations } from '../../packages/millrace/src/storage/migrations/index.ts';

const rows = 20_000;

it(`G20: migrations from the oldest release hold no lock that anybody waits for over a second, with ${rows} jobs`, async () => {
  const upgrade = await measureUpgradeLocks(rows);
  expect(upgrade.migrations).toEqual(migrations.slice(1).map(({ name }) => name));
  expect(upgrade.statements).toBeGreaterThan(2);
  process.stdout.write(`G20: the longest statement took ${Math.round(upgrade.longestMs)} ms\n`);
  expect(upgrade.longestMs).toBeLessThan(3 * 1_000);
});
