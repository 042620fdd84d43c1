import { causeCode } from './errors.ts';
import { quoteIdentifier, type Names } from './names.ts';
import { inTransaction, setConfig, type Session } from './route.ts';
import { dropPartition } from './sql/partitions.ts';

/** The table of a day that is kept no longer. */
export interface ExpiredPartition {
  readonly name: string;
  readonly parent: string;
  readonly state: 'attached' | 'detaching' | 'detached';
  /** Whether this role owns it; otherwise a function with the owner's rights drops it. */
  readonly owned: boolean;
}

/**
 * However long somebody reads the table, nobody waits for us longer than this; then it stays for the next time. A
 * statement, on the other hand, may take its time once it has its locks.
 */
const settings = { lock_timeout: '100ms', statement_timeout: '15s' };

/**
 * Drops the tables one by one, on a session of its own; answers with the names. One that somebody reads just now, or that
 * another process drops, is left for the next time.
 *
 * Detaching concurrently lets every settle and every reader go on; it waits for those who read the partition just now. It
 * cannot run in a transaction or a function, and behind a pooler nothing can be set outside one: without a bound it would
 * wait as long as anybody reads, on a session that the application needs. There, and for a role that does not own the table,
 * the day is detached at once, in the transaction that drops it: settles stop while it waits for those who read the history,
 * at most for the bound.
 */
export async function dropPartitions(
  session: Session,
  names: Names,
  expired: readonly ExpiredPartition[],
): Promise<string[]> {
  if (!session.isPooled) await session.client.query(setConfig(settings, false));
  const dropped: string[] = [];
  const { schema: s } = names;
  for (const { name, parent, state, owned } of expired) {
    const table = `${s}.${quoteIdentifier(name)}`;
    const detach = `ALTER TABLE ${s}.${quoteIdentifier(parent)} DETACH PARTITION ${table}`;
    const drop = `DROP TABLE ${table}`;
    const texts = {
      attached: [session.isPooled ? detach : `${detach} CONCURRENTLY`, drop],
      detaching: [`${detach} FINALIZE`, drop],
      detached: [drop],
    };
    try {
      if (owned) await run(session, texts[state]);
      else await inTransaction(session, settings, [{ ...dropPartition(names), values: [name] }]);
      dropped.push(name);
    } catch (error) {
      if (!isOthersBusiness(error)) throw error;
    }
  }
  return dropped;
}

async function run(session: Session, texts: readonly string[]): Promise<void> {
  if (session.isPooled) {
    const statements = texts.map((text) => ({ text }));
    await inTransaction(session, settings, statements);
  } else {
    for (const text of texts) await session.client.query(text);
  }
}

/** Somebody holds a lock on it, or another process dropped it first: the next call sees. */
function isOthersBusiness(error: unknown): boolean {
  return ['55P03', '42P01', '55000', '55006'].includes(causeCode(error) ?? '');
}
