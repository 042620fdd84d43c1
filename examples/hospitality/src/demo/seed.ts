import { readFile } from 'node:fs/promises';
import type { Millrace } from 'millrace';
import { MessageRefused, postMessage } from '../app.ts';
import { goneDomain, greylistDomain } from './mail-server.ts';
import { busyDevice, flakyDevice } from './push-server.ts';

/** Creates the application's tables and fills them with users, their tokens and their stays. */
export async function seed(millrace: Millrace, users: number): Promise<void> {
  const schema = await readFile(new URL('../schema.sql', import.meta.url), 'utf8');
  await millrace.transaction(async (tx) => {
    for (const statement of schema.split(/;\s*$/m)) await tx.query(statement);
    await tx.query(
      `INSERT INTO users (id, house_id, name, email, device, notify_by)
       SELECT i, (i + 3) / 4,
              (ARRAY['Ada <b>Lovelace</b>', 'Bo & Søn', 'Chloé "C" O''Neil', 'Dmitri'])[1 + i % 4] || ' ' || i,
              'guest' || i || '@' || CASE WHEN i % 25 = 0 THEN $2 WHEN i % 10 = 5 THEN $3 ELSE 'inn.example' END,
              CASE i % 10 WHEN 2 THEN $4 WHEN 6 THEN $5 ELSE 'phone-' END || i,
              CASE i % 4 WHEN 0 THEN '{digest}' WHEN 1 THEN '{email}' WHEN 2 THEN '{push}' ELSE '{email,push}' END::text[]
         FROM generate_series(1, $1::bigint) i`,
      [users, goneDomain, greylistDomain, busyDevice, flakyDevice],
    );
    await tx.query('INSERT INTO badges (user_id) SELECT id FROM users');
    await tx.query('INSERT INTO scores (user_id) SELECT id FROM users');
    for (const table of ['tokens', 'refresh_tokens']) {
      await tx.query(
        `INSERT INTO ${table} SELECT id, now() + id % 48 * interval '1 hour' + interval '30 minutes' FROM users`,
      );
    }
    await tx.query(
      `INSERT INTO stays (user_id, house, arrives_at)
       SELECT id, 'House ' || house_id, now() + interval '2 hours' + id % 40 * interval '1 hour'
         FROM users WHERE id % 10 = 1`,
    );
  });
}

/** The `number`-th message of the demo; a few are against the house rules. */
function messageNumber(number: number, users: number): { authorId: string; text: string } {
  const text =
    number % 11 === 0
      ? `May I bring my drums? (${number})`
      : `Breakfast at ${7 + (number % 4)}, "Chez <Nous>"? (${number})`;
  return { authorId: String(1 + ((number * 7) % users)), text };
}

const postersAtOnce = 8;

/** Posts messages as the application does it, several at a time; refused ones roll back. */
export class Posters {
  readonly #millrace: Millrace;
  readonly #users: number;
  #number = 0;
  posted = 0;
  refused = 0;

  constructor(millrace: Millrace, users: number) {
    this.#millrace = millrace;
    this.#users = users;
  }

  async post(count: number): Promise<void> {
    const last = this.#number + count;
    const poster = async () => {
      while (this.#number < last) {
        this.#number += 1;
        await this.#postOne(messageNumber(this.#number, this.#users));
      }
    };
    await Promise.all(Array.from({ length: postersAtOnce }, poster));
  }

  async #postOne(message: { authorId: string; text: string }): Promise<void> {
    try {
      await postMessage(this.#millrace, message);
      this.posted += 1;
    } catch (error) {
      if (!(error instanceof MessageRefused)) throw error;
      this.refused += 1;
    }
  }
}
