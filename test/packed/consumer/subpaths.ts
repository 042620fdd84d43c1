// Every way into the package. The sources of transactions know their libraries by shape, and load none of them.
export { startDevDatabase } from '@millrace/dev-db';
export { createMillrace } from 'millrace';
export { drizzle } from 'millrace/drizzle';
export { knex } from 'millrace/knex';
export { kysely } from 'millrace/kysely';
export { mikroOrm } from 'millrace/mikro-orm';
export { openFeature } from 'millrace/openfeature';
export { opentelemetry } from 'millrace/opentelemetry';
export { default as packageJson } from 'millrace/package.json' with { type: 'json' };
export { postgresJs } from 'millrace/postgres-js';
export { prisma } from 'millrace/prisma';
export { prometheus } from 'millrace/prometheus';
export { protobuf } from 'millrace/protobuf';
export { sentry } from 'millrace/sentry';
export { sequelize } from 'millrace/sequelize';
export { createSupervisor } from 'millrace/supervisor';
export { createTestDatabase } from 'millrace/testing';
export { typeorm } from 'millrace/typeorm';
