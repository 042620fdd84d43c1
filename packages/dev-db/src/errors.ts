const remedies = {
  DEV_DB_OPTION_INVALID: 'Correct the option that the message names.',
  DEV_DB_PLATFORM_UNSUPPORTED: 'Set DATABASE_URL to a PostgreSQL server of your own.',
  DEV_DB_ROOT_ONLY: 'Run as an ordinary user, or set DATABASE_URL to a server of your own.',
  DEV_DB_NO_BINARIES:
    'Install again without `--omit=optional`, pass `binDir`, or set DATABASE_URL to a server of your own.',
  DEV_DB_NO_CACHE_DIR:
    'Set MILLRACE_CACHE_DIR to a folder that this user can write and that the user of the server can read.',
  DEV_DB_DATA_DIR_INVALID: 'Choose an empty or new folder as `dataDir`.',
  DEV_DB_DATA_DIR_FORBIDDEN:
    'Run as the user who created the folder, remove the folder, or choose another `dataDir`.',
  DEV_DB_VERSION_MISMATCH:
    'Remove the folder to start afresh, or pass the `binDir` of the release that made it.',
  DEV_DB_INIT_FAILED: 'Read the output of initdb in the message.',
  DEV_DB_START_FAILED: 'Read the last lines of the log in the message.',
  DEV_DB_PORT_TAKEN: 'Choose another `port`, or 0 for any free one.',
  DEV_DB_PORT_MISMATCH: 'Stop the running server first, or leave out `port`.',
  DEV_DB_ATTACHED: 'Do this in the process that started the server.',
  DEV_DB_STOPPED: 'Call startDevDatabase again.',
} as const;

/** The stable code of an error of this package. */
export type DevDatabaseErrorCode = keyof typeof remedies;

/** An error with a stable `code` and, in `remedy` and at the end of the message, what to do about it. */
export class DevDatabaseError extends Error {
  override readonly name: string = 'DevDatabaseError';
  readonly code: DevDatabaseErrorCode;

  constructor(code: DevDatabaseErrorCode, message: string, options?: ErrorOptions) {
    super(`${message}\n${remedies[code]}`, options);
    this.code = code;
  }

  /** What to do about it, in one sentence. */
  get remedy(): string {
    return remedies[this.code];
  }
}

/** The code of a failed system call, such as `EACCES`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
