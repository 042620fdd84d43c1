import { expect, it } from 'vitest';
import { createTestDatabase } from '../helpers/database.ts';
import { identity, newJob, openStorage } from '../helpers/storage.ts';

it('W27: tells of due jobs of a kind that nobody handles and of a queue that nobody serves, and of no others', async () => {
  await using database = await createTestDatabase();
  const storage = openStorage(database.url);
  const session = storage.session();
  await session.register(identity(1, { kinds: ['known', 'other'], queues: ['served', 'default'] }));
  const job = (queue: string, kind: string, rest = {}) => newJob({ queue, kind, ...rest });
  await storage.enqueue([
    job('served', 'known'),
    job('served', 'unknown', { priority: 5 }),
    job('served', 'unknown', { priority: -5 }),
    job('served', 'unknown', { priority: -5, delayMs: 3_600_000 }),
    job('unserved', 'known'),
    job('default', 'other'),
    ...Array.from({ length: 150 }, () => job('zzz', 'crowd')),
  ]);
  expect(await session.unserved(0)).toEqual([
    { queue: 'served', kind: 'unknown', jobs: 2, oldestMs: expect.any(Number) as number },
    { queue: 'unserved', kind: 'known', jobs: 1, oldestMs: expect.any(Number) as number },
    { queue: 'zzz', kind: 'crowd', jobs: 100, oldestMs: expect.any(Number) as number },
  ]);
  expect(await session.unserved(3_600_000)).toEqual([]);
  await session.unregister(1);
  await storage.close();
});
