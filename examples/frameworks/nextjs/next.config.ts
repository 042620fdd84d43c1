import { join } from 'node:path';
import type { NextConfig } from 'next';

const repository = join(import.meta.dirname, '../../..');

export default {
  // A database driver has to stay what it is: bundlers would copy it into each route.
  serverExternalPackages: ['millrace', 'pg'],
  // Only because the shared file, and Millrace itself, stand above this folder.
  turbopack: { root: repository },
  outputFileTracingRoot: repository,
} satisfies NextConfig;
