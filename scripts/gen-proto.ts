/**
 * Writes the TypeScript of every `.proto` file; run it after a change of one of them. The compiler comes from npm when
 * it is needed: it is too large to be installed with everything else.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

for (const folder of ['test/fixtures', 'examples/hospitality']) {
  execFileSync('npx', ['--yes', '@bufbuild/buf@1.74.0', 'generate'], {
    cwd: fileURLToPath(new URL(`../${folder}`, import.meta.url)),
    stdio: 'inherit',
  });
}
