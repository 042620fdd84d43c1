/**
 * Fills a database with jobs such as a week of use leaves them, to try commands on and to measure them:
 * `npm run seed -- --jobs 100000`. The database is that of DATABASE_URL, or of a `millrace dev` that runs here.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createMillrace } from 'millrace';
import { plantJobs } from './seed/plant.ts';

const { values } = parseArgs({ options: { jobs: { type: 'string', default: '100000' } } });
const jobs = Number(values.jobs);
if (!Number.isSafeInteger(jobs) || jobs < 1)
  throw new Error('--jobs must be a whole number from 1');

const url = process.env['DATABASE_URL'] ?? developmentUrl();
await using millrace = createMillrace({ connection: url, logger: false });
await millrace.migrate();
const startedMs = performance.now();
const planted = await plantJobs(url, jobs, (done) => {
  if (process.stderr.isTTY) process.stderr.write(`\r${Math.round((done / jobs) * 100)} %`);
});
if (process.stderr.isTTY) process.stderr.write('\r');
const seconds = Math.round(performance.now() - startedMs) / 1_000;
process.stdout.write(
  `${jobs} jobs in ${seconds} s: ${Object.entries(planted)
    .map(([state, count]) => `${count} ${state}`)
    .join(', ')}\n`,
);

function developmentUrl(): string {
  try {
    const { url: found } = JSON.parse(readFileSync('.millrace/connection.json', 'utf8')) as {
      url: string;
    };
    return found;
  } catch {
    throw new Error('set DATABASE_URL, or start `millrace dev` in this folder');
  }
}
