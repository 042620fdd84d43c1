/**
 * Handlers in a transaction of Prisma.
 *
 * @module millrace/prisma
 */
export { prisma, type PrismaClientLike } from './transactions/prisma.ts';
