import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { prometheus } from 'millrace/prometheus';

const folder = resolve(import.meta.dirname, '../../examples/telemetry');

function promtool(args: readonly string[], input?: string): string {
  return execFileSync('promtool', args, { input, encoding: 'utf8' });
}

it('promtool accepts the alert rules', () => {
  expect(promtool(['check', 'rules', `${folder}/alerts.yaml`])).toMatch(/SUCCESS: \d+ rules found/);
});

it('promtool accepts what the dashboard asks for', () => {
  const { panels } = JSON.parse(readFileSync(`${folder}/dashboard.json`, 'utf8')) as {
    panels: { targets?: { expr: string }[] }[];
  };
  const rules = panels
    .flatMap(({ targets = [] }) => targets)
    .map(({ expr }, index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }));
  // JSON is YAML too.
  const text = JSON.stringify({ groups: [{ name: 'dashboard', rules }] });
  const scratch = mkdtempSync(join(tmpdir(), 'millrace-'));
  onTestFinished(() => rmSync(scratch, { recursive: true }));
  const file = join(scratch, 'dashboard.yaml');
  writeFileSync(file, text);
  expect(promtool(['check', 'rules', file])).toContain(`${rules.length} rules found`);
});

it('promtool accepts the page of metrics', async () => {
  const input = await prometheus().text();
  expect(promtool(['check', 'metrics'], input)).toBe('');
});
