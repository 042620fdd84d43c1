export { drizzle, type DrizzleDatabase } from './transactions/drizzle.ts';
