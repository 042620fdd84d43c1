export { prisma, type PrismaClientLike } from './transactions/prisma.ts';
