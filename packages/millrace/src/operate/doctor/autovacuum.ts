import type { HealthFacts } from '../../core/operator/health.ts';
import { judgeOf } from './judge.ts';

const off = judgeOf(
  'autovacuum',
  (facts) => facts.autovacuum,
  (places) =>
    places.map(({ name, mend }) => ({
      severity: 'problem',
      message: `Autovacuum is off for ${name}: what is finished is never cleared away.`,
      mend,
    })),
);

/** Fewer dead rows slow nothing down. */
const leastDead = 50_000;

/** Autovacuum looks once a minute and needs its time; so many times its threshold means that it does not keep up. */
const farBehind = 3;

const behind = judgeOf(
  'autovacuum',
  (facts) => facts.tables,
  (tables) =>
    tables
      .filter(({ deadRows, vacuumAt }) => deadRows > Math.max(leastDead, farBehind * vacuumAt))
      .map(({ name, deadRows, vacuumAt, mend }) => ({
        severity: 'warning',
        message: `Autovacuum is behind on ${name}: about ${Math.round(deadRows)} dead rows, and it should begin at ${Math.round(vacuumAt)}.`,
        mend,
      })),
);

/** When the sizes cannot be read, `bloat` says so. */
export const autovacuum = (facts: HealthFacts) => [
  ...off(facts),
  ...(facts.tables.read ? behind(facts) : []),
];
