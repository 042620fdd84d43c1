import type { ActivityReader } from './activity.ts';
import type { Grants } from './grants.ts';
import type { HealthReader } from './health.ts';
import type { Overview } from './overview.ts';
import type { PauseStore } from './pauses.ts';
import type { WhyReader } from './why.ts';

/** What operators' questions and verbs ask of the database. */
export interface OperatorStore {
  readonly overview: Overview;
  readonly activity: ActivityReader;
  readonly pauses: PauseStore;
  readonly why: WhyReader;
  readonly health: HealthReader;
  /** The SQL that lets roles do what they are for. */
  grants(roles: Grants): string;
}
