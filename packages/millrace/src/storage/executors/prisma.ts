import type { PrismaTransaction } from '../../core/transaction-handles.ts';
import type { Executor } from '../../core/transaction.ts';
import { answer, hasMethods, invalid, notOpen } from './shape.ts';

/** An interactive transaction of Prisma. */
export function prismaExecutor(handle: unknown): Executor | undefined {
  if (!hasMethods(handle, '$queryRawUnsafe')) return undefined;
  if (hasMethods(handle, '$connect'))
    throw invalid('a client of Prisma, not what $transaction gives to its callback');
  const tx = handle as PrismaTransaction;
  return {
    async query(text, values) {
      try {
        return answer(await tx.$queryRawUnsafe(text, ...values));
      } catch (error) {
        throw isEnded(error)
          ? notOpen('a transaction of Prisma that has ended', { cause: error })
          : error;
      }
    },
  };
}

/** Prisma's code for a transaction that cannot be used. */
function isEnded(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'P2028';
}
