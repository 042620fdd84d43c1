import pg from 'pg';
import { expect, it } from 'vitest';
import { threadConfig } from './stand-in.ts';

it('G5: a configuration reaches another thread with the password and the key that pg hides from copies', () => {
  const ssl = { ca: 'authority', key: 'secret key', rejectUnauthorized: true };
  const pool = new pg.Pool({ host: 'db', password: 'secret', ssl });
  expect({ ...pool.options }).not.toHaveProperty('password');
  expect({ ...ssl }).not.toHaveProperty('key');
  const config = { ...pool.options, password: pool.options.password };
  expect(structuredClone(threadConfig(config))).toMatchObject({
    host: 'db',
    password: 'secret',
    ssl: { ca: 'authority', key: 'secret key', rejectUnauthorized: true },
  });
  expect(structuredClone(threadConfig(pool.options))).toMatchObject({ password: 'secret' });
});

it('G5: what has no part in connecting stays behind', () => {
  const types = { getTypeParser: () => String };
  const config = { connectionString: 'postgres://db/app', types, Promise, log() {} };
  expect(structuredClone(threadConfig(config))).toEqual({ connectionString: 'postgres://db/app' });
});

it.each([
  { password: async () => 'secret' },
  { stream: () => expect.unreachable() },
  { ssl: { checkServerIdentity: () => undefined } },
])('G5: a function that connecting needs cannot be copied, and is not left out: %o', (config) => {
  expect(() => structuredClone(threadConfig(config))).toThrow('could not be cloned');
});
