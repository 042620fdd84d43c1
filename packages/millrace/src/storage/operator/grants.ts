import type { Grants } from '../../core/operator/grants.ts';
import { quoteIdentifier, type Names } from '../names.ts';

const readable = ['jobs', 'history', 'queues', 'schedules', 'workers'];

/** What enqueueing reads back of the row that it writes, and of the one that holds a unique key. */
const readBack = 'id, queue, priority, created_at, scheduled_at, unique_key';

/**
 * The SQL after which roles may do what they are for and nothing else, to be run by the owner of the schema. Workers also
 * get what later migrations of the same owner make, so that a deploy never waits for grants.
 */
export function grantsSql({ schema: s }: Names, grants: Grants): string {
  const { producer = [], worker = [], reader = [] } = grants;
  const roles = [...new Set([...producer, ...worker, ...reader])].map(quoteIdentifier);
  const parts = [
    `-- Run this as the owner of the schema, the role that runs \`millrace migrate\`; afterwards these roles may do so much\n-- here and no more.\nBEGIN;`,
    ...roles.map((role) => revoke(s, role)),
    ...producer.map((role) => allowProducer(s, quoteIdentifier(role))),
    ...worker.map((role) => allowWorker(s, quoteIdentifier(role))),
    ...reader.map((role) => allowReader(s, quoteIdentifier(role))),
    'COMMIT;',
  ];
  return parts.join('\n\n');
}

function revoke(s: string, role: string): string {
  const inSchema = ['TABLES', 'SEQUENCES', 'FUNCTIONS'];
  return [
    ...inSchema.map((what) => `REVOKE ALL ON ALL ${what} IN SCHEMA ${s} FROM ${role};`),
    ...inSchema.map(
      (what) => `ALTER DEFAULT PRIVILEGES IN SCHEMA ${s} REVOKE ALL ON ${what} FROM ${role};`,
    ),
    `GRANT USAGE ON SCHEMA ${s} TO ${role};`,
    `GRANT SELECT ON ${s}.migration TO ${role};`,
  ].join('\n');
}

function allowProducer(s: string, role: string): string {
  return `GRANT INSERT, SELECT (${readBack}) ON ${s}.job TO ${role};
GRANT USAGE ON SEQUENCE ${s}.job_id_seq TO ${role};`;
}

function allowWorker(s: string, role: string): string {
  const rights = {
    TABLES: 'SELECT, INSERT, UPDATE, DELETE',
    SEQUENCES: 'USAGE, SELECT',
    FUNCTIONS: 'EXECUTE',
  };
  return [
    ...Object.entries(rights).flatMap(([what, all]) => [
      `GRANT ${all} ON ALL ${what} IN SCHEMA ${s} TO ${role};`,
      `ALTER DEFAULT PRIVILEGES IN SCHEMA ${s} GRANT ${all} ON ${what} TO ${role};`,
    ]),
    `REVOKE INSERT, UPDATE, DELETE ON ${s}.migration FROM ${role};`,
  ].join('\n');
}

function allowReader(s: string, role: string): string {
  return `GRANT SELECT ON ${readable.map((view) => `${s}.${view}`).join(', ')} TO ${role};`;
}
