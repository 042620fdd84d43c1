import type { Names } from '../names.ts';
import { patiently } from './patiently.ts';

/** The process of a dead incarnation: it may live on and come back as another one. */
export function doubtedDeaths(names: Names): string {
  return patiently(
    names,
    'worker_dead',
    `ALTER TABLE ${names.schema}.worker_dead ADD COLUMN boot uuid;`,
  );
}
