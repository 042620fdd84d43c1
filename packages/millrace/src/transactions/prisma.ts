import type { TransactionSource, TransactionSourceOptions } from '../core/transaction.ts';
import { isolationOf } from './isolation.ts';

const levels = {
  'read committed': 'ReadCommitted',
  'repeatable read': 'RepeatableRead',
  serializable: 'Serializable',
} as const;

/** Prisma ends transactions by a timer of its own; how long a job may take is for its definition to say. */
const longestMs = 2 ** 31 - 1;

/** A client of Prisma. */
export interface PrismaClientLike<Tx> {
  $transaction(
    body: (tx: Tx) => Promise<void>,
    options: {
      isolationLevel: (typeof levels)[keyof typeof levels];
      maxWait: number;
      timeout: number;
    },
  ): Promise<unknown>;
}

/** Gives handlers a transaction of Prisma: `transaction: prisma(client)`. */
export function prisma<Tx>(
  client: PrismaClientLike<Tx>,
  options: TransactionSourceOptions = {},
): TransactionSource<Tx> {
  const isolationLevel = levels[isolationOf(options, 'prisma')];
  const config = { isolationLevel, maxWait: longestMs, timeout: longestMs };
  return { begin: (body) => client.$transaction(body, config) };
}
