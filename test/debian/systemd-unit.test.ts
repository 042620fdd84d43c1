import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const unit = readFileSync(
  new URL('../../examples/deploy/millrace.service', import.meta.url),
  'utf8',
);
const program = 'systemd-analyze';
const isThere = spawnSync(program, ['--version']).status === 0;

/** What systemd complains of. It warns of what it ignores, and still ends well. */
function verified(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-unit-'));
  const path = join(directory, 'millrace.service');
  try {
    // The command must be there.
    writeFileSync(path, text.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true'));
    return spawnSync(program, ['verify', path], { encoding: 'utf8' }).stderr;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

it.skipIf(!isThere)('systemd takes every line of the unit', () => {
  expect(verified(unit)).toBe('');
  expect(verified(unit.replace('KillMode=mixed', 'KillMode=mixd'))).toContain('mixd');
});
