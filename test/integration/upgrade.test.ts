import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { defineJob } from 'millrace';
import { defaultTuning } from '../../packages/millrace/src/core/tuning.ts';
import { installOldRelease } from '../../scripts/locks/old-release.ts';
import { createTestMillrace } from '../helpers/millrace.ts';
import { until } from '../helpers/until.ts';

const repository = resolve(import.meta.dirname, '../..');
const releases = readdirSync(join(repository, 'test/upgrade')).filter((name) =>
  name.endsWith('.tgz'),
);

/** What a worker of an older release runs; plain JavaScript against its published package. */
const program = `
import { createMillrace, defineJob } from 'millrace';
const job = defineJob({
  kind: 'shared',
  async handler(_, { id }) {
    console.log('ran ' + id);
    await new Promise((done) => setTimeout(done, 5));
  },
});
const millrace = createMillrace({ jobs: [job], logger: false });
await millrace.verify();
const worker = millrace.createWorker({ concurrency: 3 });
const running = worker.run();
console.log('ready');
await running;
await millrace.close();
`;

describe.each(releases)('%s beside this release, on the schema of this one', (tarball) => {
  it('G20: both work, every job is run once, and each leaves the other alive', async () => {
    using project = installOldRelease(tarball);
    writeFileSync(join(project.folder, 'worker.js'), program);
    const ranHere: string[] = [];
    const job = defineJob({
      kind: 'shared',
      async handler(_, { id }) {
        ranHere.push(id);
        await new Promise((done) => setTimeout(done, 5));
      },
    });
    // With the default times: the older release beats each 3 s.
    await using app = await createTestMillrace({ jobs: [job], tuning: defaultTuning });
    const ranThere: string[] = [];
    const old = spawn(process.execPath, ['worker.js'], {
      cwd: project.folder,
      env: { PATH: process.env['PATH'], DATABASE_URL: app.database.url },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      let ready = false;
      createInterface({ input: old.stdout }).on('line', (line) => {
        if (line === 'ready') ready = true;
        else ranThere.push(line.slice('ran '.length));
      });
      await until('the older release is ready', () => ready);
      await using worker = app.millrace.createWorker({ concurrency: 3 });
      await worker.start();
      const made: { readonly id: string }[] = [];
      const unfinished = async () => (await app.database.query('SELECT FROM millrace.job')).length;
      // The older release is not told of jobs in the way of this one, and finds them by its poll.
      await until('both have run some', async () => {
        made.push(
          ...(await app.millrace.enqueueMany(Array.from({ length: 40 }, () => job.with()))),
        );
        return ranHere.length > 0 && ranThere.length > 0;
      });
      await until('all are done', async () => (await unfinished()) === 0);
      await until(
        'the older one has said so',
        () => ranHere.length + ranThere.length >= made.length,
      );

      expect([...ranHere, ...ranThere].toSorted()).toEqual(made.map(({ id }) => id).toSorted());
      expect(ranHere.length).toBeGreaterThan(0);
      expect(ranThere.length).toBeGreaterThan(0);
      expect(await app.database.query('SELECT * FROM millrace.worker_dead')).toEqual([]);
      const modes = await app.database.query('SELECT mode FROM millrace.worker ORDER BY mode');
      // Release 0.1.0 knew heartbeats only.
      const oldMode = tarball === 'millrace-0.1.0.tgz' ? 'heartbeat' : 'session';
      expect(modes).toEqual([{ mode: oldMode }, { mode: 'session' }]);
      old.kill('SIGTERM');
      await until('it has stopped', () => old.exitCode !== null);
      expect(old.exitCode).toBe(0);
    } finally {
      old.kill('SIGKILL');
    }
  });
});
