import { chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDevDatabase, type DevDatabase } from '@millrace/dev-db';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { createProject, expectFailure } from '../helpers/cli.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { asPostgres12, startRewritingProxy } from '../helpers/rewriting-proxy.ts';

const config = `
import { createMillrace, defineJob } from 'millrace';
import { z } from 'zod';
const sendMail = defineJob({ kind: 'send-mail', payload: z.object({ to: z.email() }), handler() {} });
export default createMillrace({ jobs: [sendMail] });
`;

/** Every command that needs the database, with valid arguments. */
const commands = [
  ['start'],
  ['dev'],
  ['doctor'],
  ['migrate'],
  ['migrate', '--sql'],
  ['enqueue', 'send-mail', '{"to":"ada@example.com"}'],
  ['jobs', 'list'],
  ['jobs', 'show', '1'],
  ['jobs', 'delete', '1'],
];

const nobodyListens = 'postgres://postgres@127.0.0.1:1/postgres';

describe('a database that cannot be used', () => {
  it('no database: every command says in one line that nothing listens', async () => {
    using project = createProject({ 'millrace.config.ts': config });
    const env = { DATABASE_URL: nobodyListens };
    const results = await Promise.all(commands.map((args) => project.run(args, { env })));
    for (const result of results) expectFailure(result, 'MILLRACE_DB_UNREACHABLE', '127.0.0.1:1');
  });

  it('no database: without DATABASE_URL and configuration the line names the variable', async () => {
    using project = createProject();
    expectFailure(await project.run(['migrate']), 'MILLRACE_DB_MISSING', 'DATABASE_URL');
  });

  it('missing migration: start, enqueue and jobs say what to run', async () => {
    await using database = await createTestDatabase({ template: 'template0' });
    using project = createProject({ 'millrace.config.ts': config });
    const env = { DATABASE_URL: database.url };
    for (const args of [['start'], ...commands.slice(5)]) {
      expectFailure(
        await project.run(args, { env }),
        'MILLRACE_SCHEMA_MISSING',
        'millrace migrate',
      );
    }
  });

  it('a role without the right to create the schema: migrate says so', async () => {
    await using database = await createTestDatabase({ template: 'template0' });
    await database.query(`CREATE ROLE ${database.name} LOGIN`);
    using project = createProject();
    const env = { DATABASE_URL: database.url.replace('postgres@', `${database.name}@`) };
    expectFailure(
      await project.run(['migrate'], { env }),
      'MILLRACE_DB_PERMISSION',
      'permission denied',
    );
    await database.query(`DROP ROLE ${database.name}`);
  });

  it('old server: start and migrate name the release that is needed', async () => {
    await using database = await createTestDatabase();
    await using proxy = await startRewritingProxy(database.url, asPostgres12);
    using project = createProject({ 'millrace.config.ts': config });
    const env = { DATABASE_URL: proxy.url };
    for (const args of [['start'], ['migrate']]) {
      expectFailure(await project.run(args, { env }), 'MILLRACE_DB_TOO_OLD', '12', '15');
    }
  });
});

describe('a server that refuses', () => {
  let server: DevDatabase;

  beforeAll(async () => {
    server = await startDevDatabase({ ephemeral: true, fast: true, port: 0 });
  });

  afterAll(() => server.stop('immediate'));

  it('wrong password, unknown database: the line says what to correct', async () => {
    using project = createProject({ 'millrace.config.ts': config });
    const wrongPassword = { DATABASE_URL: server.url.replace(/:[^:@]+@/, ':wrong@') };
    const noPassword = { DATABASE_URL: server.url.replace(/:[^:@]+@/, '@') };
    const noDatabase = { DATABASE_URL: server.urlFor('nowhere') };
    for (const args of [['start'], ['migrate'], ['jobs', 'list']]) {
      const failed = await project.run(args, { env: wrongPassword });
      expectFailure(failed, 'MILLRACE_DB_AUTH', 'password authentication failed');
    }
    expectFailure(await project.run(['start'], { env: noPassword }), 'MILLRACE_DB_AUTH');
    expectFailure(await project.run(['start'], { env: noDatabase }), 'MILLRACE_DB_AUTH', 'nowhere');
  });

  it('read-only server: a standby is refused by everything that writes', async () => {
    using project = createProject({ 'millrace.config.ts': config });
    const env = { DATABASE_URL: server.url };
    await project.run(['migrate'], { env });
    await becomeStandby(server);
    for (const args of [['start'], ['enqueue', 'send-mail', '{"to":"ada@example.com"}']]) {
      expectFailure(await project.run(args, { env }), 'MILLRACE_DB_READ_ONLY', 'primary');
    }
    expectFailure(
      await project.run(['migrate'], { env: { DATABASE_URL: server.urlFor('template1') } }),
      'MILLRACE_DB_READ_ONLY',
      'primary',
    );
  });
});

/** A standby without a primary recovers for ever: a server that really cannot write. */
async function becomeStandby(server: DevDatabase): Promise<void> {
  const signal = join(server.dataDir, 'standby.signal');
  const { uid, gid } = statSync(server.dataDir);
  writeFileSync(signal, '');
  chownSync(signal, uid, gid);
  await server.restart();
}

describe('a command that cannot be carried out', () => {
  it('unknown kind: the line names the kind that was probably meant', async () => {
    using project = createProject({ 'millrace.config.ts': config });
    const failed = await project.run(['enqueue', 'sendmail'], {
      env: { DATABASE_URL: nobodyListens },
    });
    expectFailure(failed, 'MILLRACE_KIND_UNKNOWN', "'sendmail'", "did you mean 'send-mail'?");
  });

  it('broken payload: text that is not JSON is refused before anything is opened', async () => {
    using project = createProject();
    expectFailure(
      await project.run(['enqueue', 'x', '{to:1}']),
      'MILLRACE_ARGUMENT_INVALID',
      'not JSON',
    );
    const fromStdin = await project.run(['enqueue', 'x', '-'], { input: '' });
    expectFailure(fromStdin, 'MILLRACE_ARGUMENT_INVALID', 'not JSON');
    const tooLong = await project.run(['enqueue', 'x', '{"n":9007199254740993}']);
    expectFailure(tooLong, 'MILLRACE_ARGUMENT_INVALID', '9007199254740993');
  });

  it('broken payload: what the schema refuses is named with its place', async () => {
    using project = createProject({ 'millrace.config.ts': config });
    const env = { DATABASE_URL: nobodyListens };
    const failed = await project.run(['enqueue', 'send-mail', '{"to":"nobody"}'], { env });
    expectFailure(failed, 'MILLRACE_PAYLOAD_INVALID', 'payload.to');
    const nul = await project.run(['enqueue', 'send-mail', String.raw`{"to":"\u0000"}`], { env });
    expectFailure(nul, 'MILLRACE_PAYLOAD_NOT_JSON', 'payload.to', 'NUL');
  });

  it('options that make no sense are refused by name', async () => {
    using project = createProject({ 'millrace.config.ts': config });
    const env = { DATABASE_URL: nobodyListens };
    const enqueue = (...options: string[]) =>
      project.run(['enqueue', 'send-mail', '{"to":"ada@example.com"}', ...options], { env });
    expectFailure(await enqueue('--delay', 'soon'), 'MILLRACE_DURATION_INVALID', '"soon"');
    expectFailure(await enqueue('--at', 'tomorrow'), 'MILLRACE_OPTION_INVALID', '"tomorrow"');
    expectFailure(await enqueue('--priority', '99'), 'MILLRACE_OPTION_INVALID', 'from -32 to 32');
    expectFailure(await enqueue('--priority', 'high'), 'MILLRACE_ARGUMENT_INVALID', 'whole number');
  });

  it('a job that does not exist is not found', async () => {
    await using database = await createTestDatabase();
    using project = createProject();
    const env = { DATABASE_URL: database.url };
    for (const id of ['123456789', '9999999999999999999999', 'x']) {
      expectFailure(await project.run(['jobs', 'show', id], { env }), 'MILLRACE_JOB_NOT_FOUND', id);
    }
  });

  it('a mistyped command or option is named, with the one that was probably meant', async () => {
    using project = createProject();
    expectFailure(
      await project.run(['migrat']),
      'MILLRACE_ARGUMENT_INVALID',
      'Did you mean migrate?',
    );
    expectFailure(await project.run(['start', '--rol']), 'MILLRACE_ARGUMENT_INVALID', '--role');
    expectFailure(
      await project.run(['start', '--role=boss']),
      'MILLRACE_ARGUMENT_INVALID',
      'scheduler',
    );
    expectFailure(await project.run(['enqueue']), 'MILLRACE_ARGUMENT_INVALID', 'kind');
    expectFailure(
      await project.run(['jobs', 'list', '--state=odd']),
      'MILLRACE_ARGUMENT_INVALID',
      'retryable',
    );
  });

  it('an old Node.js gets a line it can understand', async () => {
    using project = createProject();
    const pretend = `Object.defineProperty(process, 'versions', { value: { node: '20.20.2' } })`;
    const failed = await project.run(['jobs', 'list'], {
      node: ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`],
    });
    expectFailure(failed, 'MILLRACE_NODE_TOO_OLD', '20.20.2', '22.18');
  });
});
