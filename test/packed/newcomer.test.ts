import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { until } from '../helpers/until.ts';
import { packedEnv, pathIn, tarballsIn } from './packed.ts';

/** The part of the README that a newcomer follows, from an empty folder. */
const section = /^## Use it\n(.*?)^## /ms.exec(
  readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8'),
)?.[1];
const blocks = [...(section ?? '').matchAll(/```(sh|ts)\n(.*?)```/gs)].map(
  ([, language, code = '']) => ({ language, code: code.trim() }),
);

const mostSeconds = 300;

it('who follows the README from an empty folder sees a job fail, be tried again and complete, in less than five minutes', async () => {
  const folder = pathIn('newcomer');
  mkdirSync(folder);
  // The server of `millrace dev` may run as another user, who has to come in.
  for (const each of [pathIn(), folder]) chmodSync(each, 0o755);
  const tarballs = tarballsIn(pathIn());
  const begin = performance.now();
  const seconds = () => (performance.now() - begin) / 1_000;
  const transcript: string[] = [];

  const note = (command: string, output: string, since: number) => {
    const lines = output.trim() === '' ? [] : output.trim().split('\n');
    const took = `   (${(seconds() - since).toFixed(1)} s)`;
    transcript.push(`$ ${command}${took}`, ...lines.map((line) => `  ${line}`));
  };
  /** Each line of a block, as it is typed; only the registry's packages are those that were packed. */
  const type = async (line: string) => {
    const since = seconds();
    const command = line
      .replace(/^(npm install) millrace$/, `$1 ${tarballs.millrace}`)
      .replace(/^(npm install --save-dev) @millrace\/dev-db\b/, `$1 ${tarballs.devDb}`);
    const child = spawn('sh', ['-c', `{ ${command}\n} 2>&1`], { cwd: folder, env: packedEnv() });
    child.stdin.end();
    const output = await text(child.stdout);
    note(line, output, since);
    await until('it has ended', () => child.exitCode !== null);
    if (child.exitCode !== 0) throw new Error(transcript.join('\n'));
    return output;
  };
  const linesOf = (code: string) => code.split('\n').filter((line) => line !== '');

  const [install, , config, dev, use] = blocks;
  expect(blocks.map(({ language }) => language)).toEqual(['sh', 'sh', 'ts', 'sh', 'sh']);
  for (const line of linesOf(install?.code ?? '')) await type(line);
  writeFileSync(join(folder, 'millrace.config.ts'), `${config?.code}\n`);

  const since = seconds();
  const running = spawn('sh', ['-c', `exec ${dev?.code}`], {
    cwd: folder,
    env: packedEnv(),
    detached: true,
  });
  let printed = '';
  for (const stream of [running.stdout, running.stderr])
    stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  onTestFinished(async () => {
    if (running.pid !== undefined) process.kill(-running.pid, 'SIGINT');
    await until('it has stopped', () => running.exitCode !== null || running.signalCode !== null);
  });
  await until('it runs', () => printed.includes('Ctrl-C'), 50);
  note(dev?.code ?? '', printed, since);

  const commands = linesOf(use?.code ?? '');
  let answers = '';
  for (const command of commands) answers += await type(command);
  expect(answers).toContain('not awake yet');
  // Its second attempt may still be under way when the last command asks.
  while (!answers.includes('Hello from job 1')) answers = await type(commands.at(-1) ?? '');

  transcript.push(
    `from nothing to a job that failed and was tried again: ${seconds().toFixed(1)} s`,
  );
  console.log(transcript.join('\n'));
  expect(printed + transcript.join('\n')).not.toContain('MODULE_TYPELESS_PACKAGE_JSON');
  expect(seconds()).toBeLessThan(mostSeconds);
});
