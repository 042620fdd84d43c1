// Run by run.ts in a project that has only the packed packages installed. Plain JavaScript, as Node.js runs it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { startDevDatabase } from '@millrace/dev-db';
import { createMillrace, cron, defineJob, every } from 'millrace';
import { createTestDatabase, driveClock, simulate } from 'millrace/testing';

const ran = [];
const greet = defineJob({
  kind: 'greet',
  transaction: true,
  handler: async (_payload, { id, tx }) => {
    const { rows } = await tx.query('SELECT 1 AS one');
    ran.push([id, rows[0].one]);
    return { greeted: true };
  },
  schedule: [
    { name: 'often', at: every('10s') },
    { name: 'nightly', at: cron('0 3 * * *', { timeZone: 'Europe/Berlin' }) },
  ],
});

const block = defineJob({
  kind: 'block',
  handler: () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000),
});

const database = await startDevDatabase({ ephemeral: true, fast: true });
try {
  const millrace = createMillrace({
    connection: database.url,
    jobs: [greet, block],
    logger: false,
  });
  const events = [];
  millrace.subscribe((event) => events.push(event));
  await millrace.migrate();
  const clock = await driveClock(database.url);
  const { id } = await millrace.enqueue(greet);
  const worker = millrace.createWorker();
  assert.equal(await worker.tick(), 1);
  assert.deepEqual(ran, [[id, 1]]);
  const job = await millrace.get(id);
  assert.equal(job.state, 'completed');
  assert.deepEqual(job.result, { greeted: true });

  // The thread is another file of the package, and beats while this one is blocked.
  const beats = async () => {
    const { rows } = await millrace.transaction((tx) =>
      tx.query('SELECT beat FROM millrace.worker'),
    );
    return Number(rows[0].beat);
  };
  const beatsBefore = await beats();
  const blocking = await millrace.enqueue(block);
  assert.equal(await worker.tick(), 1);
  assert.ok((await beats()) - beatsBefore >= 2);
  const named = (name) => events.filter((event) => event.name === name);
  assert.deepEqual(named('loop:unwatched'), []);
  assert.equal(named('loop:blocked')[0].data.jobs[0].id, blocking.id);

  const scheduler = millrace.createScheduler();
  await scheduler.tick();
  await clock.advance('10s');
  assert.equal(await scheduler.tick(), 1);

  const cli = execFileSync(
    process.execPath,
    ['node_modules/millrace/dist/cli/main.js', 'jobs', 'show', id, '--json'],
    {
      env: { ...process.env, DATABASE_URL: database.url },
      encoding: 'utf8',
    },
  );
  assert.equal(JSON.parse(cli).id, id);
  await clock.close();
  await millrace.close();
} finally {
  await database.stop('immediate');
}

// The kit for tests, on a server that it starts itself.
const copy = await createTestDatabase();
const tested = createMillrace({ connection: copy.url, jobs: [greet], logger: false });
const { attempts } = await simulate(tested, { for: '1m' });
assert.ok(attempts.length >= 6);
await tested.close();
await copy.drop();
console.log(`ok on Node.js ${process.versions.node}`);
