/** What `doctor` asks of the database. The storage reads facts and knows how they are mended; it judges nothing. */

/** A fact, or why it could not be read. */
export type Fact<T> =
  | { readonly read: true; readonly value: T }
  | { readonly read: false; readonly reason: string; readonly mend: string | null };

/** Something with a name and what mends it. */
export interface Named {
  readonly name: string;
  readonly mend: string;
}

export interface IndexFault extends Named {
  readonly fault: 'missing' | 'different' | 'invalid';
}

export interface TableFact extends Named {
  readonly liveRows: number;
  readonly deadRows: number;
  /** Dead rows at which autovacuum should begin. */
  readonly vacuumAt: number;
  readonly bytes: number;
  readonly isIndex: boolean;
}

/** Who keeps old row versions from being vacuumed. */
export interface Holder extends Named {
  readonly type: 'transaction' | 'prepared' | 'slot';
  readonly heldMs: number | null;
  readonly detail: string;
}

export interface Activity {
  readonly holders: readonly Holder[];
  /** Whether this role may see what others' sessions do. */
  readonly seesOthers: boolean;
  readonly grant: string;
}

export interface Connections {
  readonly most: number;
  readonly used: number;
  readonly ours: number;
}

export interface ClockFact {
  readonly serverMs: number;
  readonly hereMs: number;
  readonly roundTripMs: number;
}

export interface Partitions {
  /** Days from today on, 0 to 7, on which a table of the history has no partition. */
  readonly missing: readonly { readonly parent: string; readonly daysAhead: number }[];
  readonly mend: string;
}

export interface Sequence {
  readonly last: string;
  readonly highestId: string;
  readonly mend: string;
}

export interface WorkerFact {
  readonly label: string;
  readonly version: string;
  readonly silentMs: number;
}

export interface UnservedFact {
  readonly queue: string;
  readonly kind: string;
  /** The payload version, where workers handle the kind but know only older ones; else null. */
  readonly newerVersion: number | null;
  readonly jobs: number;
  readonly oldestMs: number;
}

/** What `verify` would throw. */
export interface SchemaFault {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

export interface HealthFacts {
  readonly schema: Fact<SchemaFault | null>;
  /** The database that this one is a copy of, if it is one. */
  readonly home: Fact<readonly Named[]>;
  readonly indexes: Fact<readonly IndexFault[]>;
  readonly tables: Fact<readonly TableFact[]>;
  readonly activity: Fact<Activity>;
  /** Settings of the server that are off, or of tables. */
  readonly settings: Fact<readonly Named[]>;
  readonly autovacuum: Fact<readonly Named[]>;
  readonly connections: Fact<Connections>;
  readonly pooled: boolean;
  readonly clock: Fact<ClockFact>;
  /** 0 to 1. */
  readonly notifications: Fact<number>;
  readonly partitions: Fact<Partitions>;
  /** Steps of the claim's plan that look for jobs otherwise than by the index of claims. */
  readonly claimPlan: Fact<readonly Named[]>;
  readonly rowSecurity: Fact<readonly Named[]>;
  readonly privileges: Fact<readonly Named[]>;
  readonly sequence: Fact<Sequence>;
  readonly workers: Fact<readonly WorkerFact[]>;
  readonly unserved: Fact<readonly UnservedFact[]>;
}

export interface HealthReader {
  /** @throws MILLRACE_DB_… when there is no database to ask */
  read(): Promise<HealthFacts>;
}
