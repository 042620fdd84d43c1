import { expect, it } from 'vitest';
import { createTestDatabase } from '../helpers/database.ts';
import { asPooler, startRewritingProxy } from '../helpers/rewriting-proxy.ts';
import { openStorage } from '../helpers/storage.ts';
import { expectWorkingStorage } from '../helpers/storage-tour.ts';

it('C5: where a pooler is found on the way, everything works by the heartbeat alone, and one is told so once', async () => {
  await using database = await createTestDatabase();
  await using proxy = await startRewritingProxy(database.url, asPooler);
  let told = 0;
  const storage = openStorage(proxy.url, 'millrace', { onPooled: () => (told += 1) });
  await expectWorkingStorage(storage, 'heartbeat');
  expect(told).toBe(1);
  await storage.close();
});
