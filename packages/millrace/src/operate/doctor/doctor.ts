import type { Finding } from '../../core/operator/finding.ts';
import type { HealthFacts } from '../../core/operator/health.ts';
import { privileges, rowSecurity } from './access.ts';
import { autovacuum } from './autovacuum.ts';
import { bloat } from './bloat.ts';
import { claimPlan } from './claim-plan.ts';
import { clock } from './clock.ts';
import { connections } from './connections.ts';
import { holders } from './holders.ts';
import { home } from './home.ts';
import { indexes } from './indexes.ts';
import type { Judge } from './judge.ts';
import { notifications } from './notifications.ts';
import { partitions } from './partitions.ts';
import { pooler } from './pooler.ts';
import { schema } from './schema.ts';
import { sequence } from './sequence.ts';
import { settings } from './settings.ts';
import { unserved, workers } from './workers.ts';

const judges: readonly Judge[] = [
  schema,
  home,
  privileges,
  rowSecurity,
  indexes,
  claimPlan,
  partitions,
  sequence,
  unserved,
  workers,
  holders,
  autovacuum,
  bloat,
  connections,
  notifications,
  pooler,
  clock,
  settings,
];

/** Everything that is the matter. Without a schema nothing else can be said of ours. */
export function diagnose(facts: HealthFacts): readonly Finding[] {
  const { schema: found } = facts;
  const isMissing = found.read && found.value?.code === 'MILLRACE_SCHEMA_MISSING';
  return (isMissing ? [schema] : judges).flatMap((judge) => judge(facts));
}
