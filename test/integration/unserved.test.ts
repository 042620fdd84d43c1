import { expect, it } from 'vitest';
import { createTestDatabase } from '../helpers/database.ts';
import { identity, newJob, openStorage } from '../helpers/storage.ts';

it('W27: tells of due jobs of a kind that nobody handles and of a queue that nobody serves, of payloads newer than anybody knows, and of no others', async () => {
  await using database = await createTestDatabase();
  const storage = openStorage(database.url);
  const session = storage.session();
  await session.register(
    identity(1, { kinds: ['known', 'other'], versions: [1, 2], queues: ['served', 'default'] }),
  );
  const job = (queue: string, kind: string, rest = {}) => newJob({ queue, kind, ...rest });
  await storage.enqueue([
    job('served', 'known'),
    job('served', 'unknown', { priority: 5 }),
    job('served', 'unknown', { priority: -5 }),
    job('served', 'unknown', { priority: -5, delayMs: 3_600_000 }),
    job('unserved', 'known'),
    job('default', 'other'),
    job('served', 'other', { payloadVersion: 2 }),
    job('served', 'other', { payloadVersion: 3 }),
    ...Array.from({ length: 150 }, () => job('zzz', 'crowd')),
  ]);
  const oldestMs = expect.any(Number) as number;
  expect(await session.unserved(0)).toEqual([
    { queue: 'served', kind: 'other', newerVersion: 3, jobs: 1, oldestMs },
    { queue: 'served', kind: 'unknown', newerVersion: null, jobs: 2, oldestMs },
    { queue: 'unserved', kind: 'known', newerVersion: null, jobs: 1, oldestMs },
    { queue: 'zzz', kind: 'crowd', newerVersion: null, jobs: 100, oldestMs },
  ]);
  expect(await session.unserved(3_600_000)).toEqual([]);
  await session.unregister(1);
  await storage.close();
});
