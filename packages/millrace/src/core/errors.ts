/**
 * Every error that Millrace throws on purpose, with a stable code and what to do about it. Messages may improve from
 * release to release; match on `code`.
 */
const remedies = {
  MILLRACE_OPTION_UNKNOWN: 'Correct the name of the option or remove it.',
  MILLRACE_OPTION_INVALID: 'Give the option a value of the form that the message names.',
  MILLRACE_DURATION_INVALID:
    "Write a duration as milliseconds or as text such as '500ms', '30s', '5m', '12h', '7d'.",
  MILLRACE_CRON_INVALID: 'Correct the cron expression; it must have a next fire time.',
  MILLRACE_TIME_ZONE_INVALID: "Use a name of the IANA time zone database, such as 'Europe/Berlin'.",
  MILLRACE_KIND_DUPLICATE: 'Give each job definition a kind of its own.',
  MILLRACE_KIND_UNKNOWN: 'List the definition in `jobs` of createMillrace, or correct the name.',
  MILLRACE_HANDLER_MISSING:
    'Give the definition a handler, or pass one made by `definition.handle(…)`.',
  MILLRACE_HANDLER_DUPLICATE: 'Keep one handler for each kind.',
  MILLRACE_PAYLOAD_INVALID: 'Enqueue a payload that the schema of the job definition accepts.',
  MILLRACE_PAYLOAD_NOT_JSON: 'Use values that JSON can carry, or a codec such as protobuf(…).',
  MILLRACE_PAYLOAD_TOO_LARGE:
    'Store the data elsewhere and enqueue a reference, or raise `payloadMaxBytes`.',
  MILLRACE_PAYLOAD_UNREADABLE:
    'Correct the definition or cancel the job; the stored payload does not fit the schema.',
  MILLRACE_PAYLOAD_UPGRADE_MISSING:
    'Add the step to `upgrade` of the definition and deploy it, or cancel the job; retry it if it was discarded.',
  MILLRACE_PAYLOAD_UPGRADE_FAILED:
    'Correct the step of `upgrade` that the message names and deploy it; retry the job if it was discarded.',
  MILLRACE_ENCRYPTION_KEY_MISSING:
    'Put `encryption(…)` with the key that the message names into `use`; retry the job if it was discarded.',
  MILLRACE_ENCRYPTION_INVALID:
    'Find out who changed or copied the stored value, or wrote it without encryption; then edit or cancel the job.',
  MILLRACE_MIDDLEWARE_INVALID:
    'In middleware, call next() once and before the hook ends, and answer with what it resolves to.',
  MILLRACE_RESULT_INVALID: 'Return a value that JSON can carry and that is small, or nothing.',
  MILLRACE_JOB_NOT_FOUND:
    'Check the id; finished jobs are kept for the time that the retention options say.',
  MILLRACE_JOB_RUNNING: 'Wait until the job has finished, or cancel it first.',
  MILLRACE_JOB_FINISHED: 'Bring it back with `millrace jobs retry` or `millrace.retry` first.',
  MILLRACE_JOB_CANCELLED: 'Nothing to do: somebody asked to cancel the job; let the handler end.',
  MILLRACE_JOB_BUSY:
    'Somebody else holds the row in an open transaction; try again when it has ended.',
  MILLRACE_SCHEDULE_UNKNOWN:
    'Correct the name; `millrace schedules` lists those that the database knows.',
  MILLRACE_JOB_QUARANTINED:
    'Find out why the job ends its process, such as a lack of memory; correct that, then retry the job.',
  MILLRACE_UNIQUE_CONFLICT:
    'Another unfinished job of this queue has the same unique key; wait for it or cancel it.',
  MILLRACE_TX_INVALID:
    'Pass what your library gives to the callback of a transaction, or `millrace.transaction` to its own.',
  MILLRACE_TX_NOT_OPEN:
    'Pass the transaction while it is open: after its beginning, before its end or its first error.',
  MILLRACE_TX_SERIALIZATION: 'Repeat the whole transaction; PostgreSQL could not serialize it.',
  MILLRACE_LEASE_LOST:
    'Nothing to do: the job has moved on, and what this attempt wrote in its transaction is undone.',
  MILLRACE_ATTEMPT_TIMEOUT: 'Make the handler faster or raise `timeout`.',
  MILLRACE_ISOLATE_DIED:
    'Find out why the job ends its thread or process, such as a lack of memory (`isolate.memoryMb`) or a crash of native code.',
  MILLRACE_ISOLATE_MODULE_INVALID:
    'Export the definition with its handler from a module that starts no worker; name it with `isolate: { module: import.meta.url }`.',
  MILLRACE_HANDLER_OUTCOME_INVALID:
    'Return JSON, or one of snooze(), retryAfter(), cancel(), discard().',
  MILLRACE_STOPPED: 'Create a new worker or scheduler; a stopped one does not start again.',
  MILLRACE_DB_MISSING: 'Set DATABASE_URL or the option `connection`.',
  MILLRACE_DB_UNREACHABLE: 'Start PostgreSQL, or correct host and port of the connection.',
  MILLRACE_DB_AUTH: 'Correct user, password or database name of the connection.',
  MILLRACE_DB_TOO_OLD: 'Upgrade the server to PostgreSQL 15 or newer.',
  MILLRACE_DB_READ_ONLY: 'Connect to the primary; Millrace writes.',
  MILLRACE_DB_PERMISSION:
    'Grant the role the right that the message names; `millrace grants` prints all that it needs.',
  MILLRACE_DB_POOLER:
    'Give `directConnection` a connection that goes to PostgreSQL itself; until then jobs are found by polling.',
  MILLRACE_SCHEMA_MISSING: 'Run `millrace migrate`, or `await millrace.migrate()`.',
  MILLRACE_SCHEMA_OUTDATED: 'Run `millrace migrate` with this release before starting it.',
  MILLRACE_SCHEMA_TOO_NEW:
    'Upgrade this process: the schema was migrated by a newer release it cannot work beside.',
  MILLRACE_MIGRATION_CHANGED:
    'Install the release that made this schema; an applied migration differs from the one here.',
  MILLRACE_CONFIG_MISSING:
    'Create millrace.config.ts whose default export is the value of createMillrace, or pass --config.',
  MILLRACE_CONFIG_INVALID: 'Correct the configuration file as the message says.',
  MILLRACE_DEV_DB_MISSING: 'Run `npm install -D @millrace/dev-db`, or set DATABASE_URL.',
  MILLRACE_TEST_ENDLESS: 'Look at which job makes itself due again and again, or raise `limit`.',
  MILLRACE_TEST_CRASH_MISSED:
    'Before the call, enqueue a job that is due and has a handler in this Millrace.',
  MILLRACE_NODE_TOO_OLD: 'Use Node.js 22.18 or newer.',
  MILLRACE_ARGUMENT_INVALID: 'Correct the command; `millrace help` shows its form.',
  MILLRACE_UNEXPECTED: 'Run the command again with --verbose and report what it prints.',
} as const;

/** The stable code of a Millrace error. */
export type ErrorCode = keyof typeof remedies;

/** All codes, for documentation and tests. */
export const errorCodes = Object.keys(remedies) as ErrorCode[];

/** An error that Millrace throws on purpose: `code` is stable, `remedy` says what to do. */
export class MillraceError extends Error {
  override readonly name: string = 'MillraceError';
  readonly code: ErrorCode;
  /** What to do about it, in one sentence. Its own property, which Node.js prints with an error that nobody catches. */
  readonly remedy: string;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.remedy = remedies[code];
  }
}

/** True for errors made by Millrace, also across two copies of the package. */
export function isMillraceError(error: unknown, code?: ErrorCode): error is MillraceError {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string')
    return false;
  return code === undefined ? error.code.startsWith('MILLRACE_') : error.code === code;
}
