import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

it('the example prints a trace as a tree, a report to Sentry, its page of metrics, and lines that name their trace', () => {
  const output = execFileSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--conditions=@millrace/source', 'main.ts'],
    { cwd: import.meta.dirname, encoding: 'utf8', timeout: 60_000 },
  );
  expect(output).toContain(
    [
      'POST /orders (good card)',
      '  send default  kind=charge',
      '    process default  kind=charge  attempt=1  state=completed',
      '      send mail  kind=send-receipt',
      '        process mail  kind=send-receipt  attempt=1  state=available  "the mail server is busy"',
      '        process mail  kind=send-receipt  attempt=2  state=completed',
    ].join('\n'),
  );
  expect(output).toMatch(/"type": "CardRefused"[^}]+"context": "job",\s+"job": "charge"/);
  const series =
    'millrace_job_duration_seconds_count{job="charge",status="discarded",attempt="1",exception="CardRefused"} 1';
  expect(output).toContain(series);
  const line = output.split('\n').find((each) => each.includes('card charged')) ?? '{}';
  expect(JSON.parse(line)).toMatchObject({
    kind: 'charge',
    attempt: 1,
    queue: 'default',
    traceId: expect.stringMatching(/^[\da-f]{32}$/) as unknown,
  });
});
