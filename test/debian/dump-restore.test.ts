import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startDevDatabase } from '@millrace/dev-db';
import { createMillrace, defineJob } from 'millrace';

/** Debian's newest release of PostgreSQL, with all of its programs; a dump needs those of its server. */
const debian = '/usr/lib/postgresql';
const binDir = (existsSync(debian) ? readdirSync(debian) : [])
  .toSorted((one, other) => Number(one) - Number(other))
  .map((major) => join(debian, major, 'bin'))
  .findLast((directory) => existsSync(join(directory, 'pg_dump')));

it('G20: dump and restore keep the version of the schema, every job, and the ids that were given', async ({
  skip,
}) => {
  skip(binDir === undefined, 'pg_dump is not installed');
  await using server = await startDevDatabase({
    ephemeral: true,
    fast: true,
    binDir: binDir ?? '',
  });
  const ran: string[] = [];
  const job = defineJob({
    kind: 'job',
    handler: (_, { id }) => void ran.push(id),
  });
  const open = (database: string) =>
    createMillrace({ connection: server.urlFor(database), jobs: [job], logger: false });
  await using original = open('postgres');
  await original.migrate();
  const made = await original.enqueueMany([job.with(), job.with(), job.with()]);
  await original.cancel(made[0]?.id ?? '');

  const program = (name: string) => join(binDir ?? '', name);
  const connection = ['-h', server.socketDir, '-U', 'postgres'];
  const dump = execFileSync(program('pg_dump'), [...connection, 'postgres']);
  execFileSync(program('createdb'), [...connection, 'restored']);
  const quiet = ['--quiet', '--output=/dev/null', '--set=ON_ERROR_STOP=1'];
  execFileSync(program('psql'), [...connection, ...quiet, 'restored'], { input: dump });

  await using restored = open('restored');
  await restored.verify();
  expect(await restored.migrate()).toEqual([]);
  const copies = (await restored.doctor()).filter(({ check }) => check === 'home');
  expect(copies.map(({ message }) => message.split(':')[0])).toEqual([
    'The database was copied from the database postgres',
  ]);
  const next = await restored.enqueue(job);
  expect(BigInt(next.id)).toBeGreaterThan(BigInt(made.at(-1)?.id ?? 0));
  expect(await restored.get(made[0]?.id ?? '')).toMatchObject({ state: 'cancelled' });
  await using worker = restored.createWorker();
  while (ran.length < 3) await worker.tick();
  expect(ran.toSorted()).toEqual([...made.slice(1), next].map(({ id }) => id).toSorted());
});
