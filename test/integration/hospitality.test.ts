import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SendEmailSchema } from '../../examples/hospitality/src/gen/hospitality_pb.ts';
import { renderEmail } from '../../examples/hospitality/src/mail/render.ts';
import { until } from '../helpers/until.ts';

const demo = fileURLToPath(new URL('../../examples/hospitality/src/demo.ts', import.meta.url));

/** Room for a machine that does three times as much at the same time. */
const longestMs = 120_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'demo-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs the demo, small and without a kill, with temporary files in a folder of its own. */
function startDemo() {
  const size = ['--users', '200', '--messages', '100', '--no-kill'];
  const child = spawn(process.execPath, ['--conditions=@millrace/source', demo, ...size], {
    env: { ...process.env, TMPDIR: folder, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  return {
    interrupt: () => child.kill('SIGINT'),
    output: () => output,
    ended: once(child, 'close').then(([exitCode]) => ({ exitCode: exitCode as number, output })),
  };
}

/** Those of the worker processes that the output names that still run. */
function workersAlive(output: string): number[] {
  const pids = /worker processes \(pid (\d+), (\d+)\)/.exec(output)?.slice(1).map(Number) ?? [];
  expect(pids).toHaveLength(2);
  return pids.filter((pid) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  });
}

describe('the hospitality application', () => {
  it(
    'W25: its whole workload runs on a real database, mail server and push service, and every check of the proof holds',
    { timeout: longestMs },
    async () => {
      const ended = await startDemo().ended;

      expect(ended).toMatchObject({ exitCode: 0 });
      expect(ended.output).toContain('Every check holds');
      expect(ended.output).toMatch(/fire times of send-digests, one job each +9\d {3}ok/);
      expect(workersAlive(ended.output)).toEqual([]);
      expect(await readdir(folder)).toEqual([]);
    },
  );

  it('leaves nothing behind when it is interrupted', { timeout: longestMs }, async () => {
    const { output, interrupt, ended } = startDemo();
    await until('the workers run', () => output().includes('rush:'));

    interrupt();

    expect(await ended).toMatchObject({ exitCode: 130 });
    expect(workersAlive(output())).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });

  it('shows what users wrote as text, never as HTML', () => {
    const { html, text, subject } = renderEmail(
      create(SendEmailSchema, {
        to: 'ada@inn.example',
        name: `Ada <b>"Lovelace"</b>`,
        content: {
          case: 'newMessage',
          value: { id: 1n, author: `Chloé O'Neil`, text: '<script>alert(1)</script> & more' },
        },
      }),
    );

    expect(html).toBe(
      '<p>Dear Ada &lt;b&gt;&quot;Lovelace&quot;&lt;/b&gt;,</p>\n' +
        '<p>Chloé O&#39;Neil wrote: &lt;script&gt;alert(1)&lt;/script&gt; &amp; more</p>',
    );
    expect(text).toContain('Dear Ada <b>"Lovelace"</b>,');
    expect(subject).toBe('New message: <script>alert(1)</script> & more');
  });
});
