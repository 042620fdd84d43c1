import type { Clock } from '../../core/clock.ts';
import type { OperatorStore } from '../../core/operator/store.ts';
import type { Names } from '../names.ts';
import type { Pool } from '../pool.ts';
import type { Route } from '../route.ts';
import { grantsSql } from './grants.ts';
import { PgHealthReader } from './health-reader.ts';
import { PgActivity } from './pg-activity.ts';
import { PgOverview } from './pg-overview.ts';
import { PgPauses } from './pg-pauses.ts';
import { PgWhyReader } from './pg-why.ts';

/** What operators ask of PostgreSQL, each by its own statements. */
export function operatorStore(parts: {
  readonly names: Names;
  readonly pool: Pool;
  readonly route: Route;
  readonly clock: Clock;
  readonly now: () => Date;
}): OperatorStore {
  const { names, pool } = parts;
  return {
    overview: new PgOverview({ names, pool }),
    activity: new PgActivity({ names, pool }),
    pauses: new PgPauses(names, pool),
    why: new PgWhyReader({ names, pool }),
    grants: (roles) => grantsSql(names, roles),
    health: new PgHealthReader(parts),
  };
}
