import { expect, test } from 'vitest';
import type { Fact, HealthFacts } from '../../core/operator/health.ts';
import { diagnose } from './doctor.ts';

const known = <T>(value: T): Fact<T> => ({ read: true, value });
const mend = 'mend it';

const healthy: HealthFacts = {
  schema: known(null),
  home: known([]),
  indexes: known([]),
  tables: known([]),
  activity: known({ holders: [], seesOthers: true, grant: mend }),
  settings: known([]),
  autovacuum: known([]),
  connections: known({ most: 100, used: 20, ours: 5 }),
  pooled: false,
  clock: known({ serverMs: 1_000, hereMs: 1_000, roundTripMs: 1 }),
  notifications: known(0),
  partitions: known({ missing: [], mend }),
  claimPlan: known([]),
  rowSecurity: known([]),
  privileges: known([]),
  sequence: known({ last: '7', highestId: '7', mend }),
  workers: known([]),
  unserved: known([]),
};

const table = { name: 'job', liveRows: 10, deadRows: 0, vacuumAt: 50, bytes: 0, isIndex: false };
const transaction = { type: 'transaction', name: 'pid 1', detail: 'psql', mend } as const;
const worker = { label: 'worker h:1', version: '1.0.0', silentMs: 100 };
const partition = { parent: 'job_attempt', daysAhead: 0 };
const activity = { holders: [], seesOthers: true, grant: mend };

test('healthy facts have no findings', () => {
  expect(diagnose(healthy)).toEqual([]);
});

test.each<[string, Partial<HealthFacts>, string]>([
  ['a copied database', { home: known([{ name: 'the database shop', mend }]) }, 'problem home'],
  [
    'a table of mostly nothing',
    { tables: known([{ ...table, bytes: 2 ** 27, mend }]) },
    'warning bloat',
  ],
  [
    'dead rows beyond the threshold',
    { tables: known([{ ...table, deadRows: 60_000, mend }]) },
    'warning autovacuum',
  ],
  [
    'a transaction of ten minutes',
    { activity: known({ ...activity, holders: [{ ...transaction, heldMs: 600_000 }] }) },
    'warning snapshots',
  ],
  [
    'a transaction of two hours',
    { activity: known({ ...activity, holders: [{ ...transaction, heldMs: 7_200_000 }] }) },
    'problem snapshots',
  ],
  [
    'a slot that nobody reads',
    {
      activity: known({
        ...activity,
        holders: [{ ...transaction, type: 'slot', name: 'standby2', heldMs: null }],
      }),
    },
    'warning snapshots',
  ],
  [
    'a role that sees no sessions of others',
    { activity: known({ ...activity, seesOthers: false }) },
    'unknown snapshots',
  ],
  [
    '85 % of the connections',
    { connections: known({ most: 100, used: 85, ours: 9 }) },
    'warning connections',
  ],
  [
    '97 % of the connections',
    { connections: known({ most: 100, used: 97, ours: 9 }) },
    'problem connections',
  ],
  ['a pooler', { pooled: true }, 'warning pooler'],
  [
    'a clock that is 5 s ahead',
    { clock: known({ serverMs: 6_000, hereMs: 1_000, roundTripMs: 1 }) },
    'warning clock',
  ],
  [
    'a queue of notifications that is full by half',
    { notifications: known(0.5) },
    'problem notifications',
  ],
  [
    'no partition for today',
    { partitions: known({ missing: [partition], mend }) },
    'problem partitions',
  ],
  [
    'no partition for tomorrow',
    { partitions: known({ missing: [{ ...partition, daysAhead: 1 }], mend }) },
    'warning partitions',
  ],
  [
    'a claim that reads the whole table',
    { claimPlan: known([{ name: 'Seq Scan', mend }]) },
    'problem claim-plan',
  ],
  [
    'a sequence at its end',
    { sequence: known({ last: '9223372036854775000', highestId: '1', mend }) },
    'problem ids',
  ],
  ['a silent worker', { workers: known([{ ...worker, silentMs: 60_000 }]) }, 'problem workers'],
  [
    'two releases',
    { workers: known([worker, { ...worker, version: '2.0.0' }]) },
    'warning versions',
  ],
  [
    'a fact that cannot be read',
    { indexes: { read: false, reason: 'denied', mend: null } },
    'unknown indexes',
  ],
])('%s is one finding', (_, facts, expected) => {
  const found = diagnose({ ...healthy, ...facts });
  expect(found.map(({ severity, check }) => `${severity} ${check}`)).toEqual([expected]);
});

test('a partition that is missing a week ahead, and a clock within the time of an answer, are no findings', () => {
  const facts = {
    partitions: known({ missing: [{ ...partition, daysAhead: 7 }], mend }),
    clock: known({ serverMs: 4_000, hereMs: 1_000, roundTripMs: 4_000 }),
  };
  expect(diagnose({ ...healthy, ...facts })).toEqual([]);
});

test('without a schema nothing else is said', () => {
  const fault = { code: 'MILLRACE_SCHEMA_MISSING', message: 'no schema', remedy: mend };
  const found = diagnose({ ...healthy, schema: known(fault), pooled: true });
  expect(found.map(({ check }) => check)).toEqual(['schema']);
});
