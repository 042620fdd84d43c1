/**
 * `npm run chaos -- --minutes 30 --seed 7 --processes 8`: one storm, as long as you like; with `--supervised` over the
 * processes of one supervisor.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { StormOptions } from './plan.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    processes: { type: 'string', default: '6' },
    supervised: { type: 'boolean', default: false },
  },
});
const storm: StormOptions = {
  seed: Number(values.seed),
  seconds: Number(values.minutes) * 60,
  processes: Number(values.processes),
};
if (!(storm.processes >= 2 && storm.seconds > 0 && Number.isInteger(storm.seed)))
  throw new Error('--minutes takes a number, --seed a whole one, --processes one from 2 on.');
const file = `test/chaos/${values.supervised ? 'supervised' : 'storm'}.test.ts`;
const { status } = spawnSync('vitest', ['run', '--config', 'vitest.chaos.config.ts', file], {
  stdio: 'inherit',
  env: { ...process.env, MILLRACE_CHAOS: JSON.stringify(storm) },
});
process.exitCode = status ?? 1;
