import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { isolated } from '../fixtures/isolated.ts';
import { createTestMillrace } from '../helpers/millrace.ts';
import { until } from '../helpers/until.ts';

const script = fileURLToPath(new URL('../fixtures/isolating-worker.ts', import.meta.url));

function isGone(pid: number): boolean {
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
}

it('the processes of isolated jobs end with a worker that is killed, also those that block', async () => {
  await using app = await createTestMillrace({ jobs: [isolated] });
  await app.millrace.enqueue(isolated, { does: 'block' });
  await app.millrace.enqueue(isolated, { does: 'wait' });
  const execArgv = ['--conditions=@millrace/source'];
  const worker = fork(script, [app.database.url], { execArgv });
  onTestFinished(() => void worker.kill('SIGKILL'));
  const pids: number[] = [];
  worker.on('message', (pid) => pids.push(Number(pid)));
  await until('both run', () => pids.length === 2);
  expect(pids.map(isGone)).toEqual([false, false]);
  worker.kill('SIGKILL');
  await until('both are gone', () => pids.every(isGone));
});
