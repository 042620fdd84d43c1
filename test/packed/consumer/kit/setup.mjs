import { startTestServer } from 'millrace/testing';

/** vitest calls what it gives at the end; jest has another file for that. */
export default async function setup() {
  const server = await startTestServer();
  globalThis.millraceTestServer = server;
  return () => server.stop();
}
