import { expect, it } from 'vitest';
import { nodes, pathIn, runIn } from './packed.ts';

it.each(Object.entries(nodes))('the installed packages work on Node.js %s', (version, node) => {
  const ended = runIn(pathIn('consumer'), node, ['smoke.mjs']);
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  expect(ended.stdout).toContain(`ok on Node.js ${version}.`);
});
