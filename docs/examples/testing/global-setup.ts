import pg from 'pg';
import { startTestServer } from 'millrace/testing';

export default async function setup() {
  const server = await startTestServer({
    async prepare(url) {
      const client = new pg.Client(url);
      await client.connect();
      await client.query('CREATE TABLE booking (id int PRIMARY KEY, email text NOT NULL)');
      await client.end();
    },
  });
  return () => server.stop();
}
