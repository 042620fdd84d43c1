import type { Row } from '../connection.ts';
import { causeCode, rethrow } from '../errors.ts';
import type { Names } from '../names.ts';
import type { Pool } from '../pool.ts';
import { boundLook } from '../sql/bound-look.ts';
import type { StatementOf } from '../sql/statement.ts';

/** The SQLSTATE of a statement that took too long. */
const tookTooLong = '57014';

/**
 * Reads what walks along the index of the claims, which is quick unless rows of finished jobs cannot be vacuumed away. Then
 * it is given up; `undefined`.
 */
export async function readBounded(
  { pool, names }: { readonly pool: Pool; readonly names: Names },
  of: StatementOf,
  values: readonly (string | null)[] = [],
  settings?: string,
): Promise<Row[] | undefined> {
  try {
    return await pool.read(async (executor) => {
      if (settings !== undefined) await executor.query(settings, []);
      await executor.query(boundLook(names).text, []);
      return (await executor.query(of(names).text, values)).rows;
    });
  } catch (error) {
    if (causeCode(error) === tookTooLong) return undefined;
    return rethrow(error);
  }
}
