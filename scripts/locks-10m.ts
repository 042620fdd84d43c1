/** Migrates a database of the oldest release with ten million jobs, or as many as are asked for, under load. */
import { measureUpgradeLocks } from './locks/upgrade-locks.ts';

const rows = Number(process.argv[2] ?? 10_000_000);
const longestAllowedMs = 1_000;

const { migrations, longestMs, statements } = await measureUpgradeLocks(rows);
process.stdout.write(
  `${rows} jobs and as many finished ones; ${migrations.join(', ')}; of ${statements} statements meanwhile the longest took ${Math.round(longestMs)} ms\n`,
);
if (longestMs > longestAllowedMs) process.exitCode = 1;
