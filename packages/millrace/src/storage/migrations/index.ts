import type { Names } from '../names.ts';
import { init } from './0001-init.ts';
import { sessionLiveness } from './0002-session-liveness.ts';
import { wakeUp } from './0003-wake-up.ts';
import { suspects } from './0004-suspects.ts';
import { loopWatch } from './0005-loop-watch.ts';
import { payloadVersions } from './0006-payload-versions.ts';
import { pauses } from './0007-pauses.ts';
import { overview } from './0008-overview.ts';
import { sqlInterface } from './0009-sql-interface.ts';
import { home } from './0010-home.ts';
import { progress } from './0011-progress.ts';
import { workerVersions } from './0012-worker-versions.ts';
import { attemptLogs } from './0013-attempt-logs.ts';
import { jobVerbs } from './0014-job-verbs.ts';
import { doubtedDeaths } from './0015-doubted-deaths.ts';
import { enqueueBatch } from './0016-enqueue-batch.ts';

/** One step of the schema's history. Never changed once released: its checksum is kept in the database. */
export interface Migration {
  readonly id: number;
  readonly name: string;
  /** The release that brings it. */
  readonly release: string;
  /** The migration that a process must know at least in order to work beside this one. */
  readonly oldestBeside: number;
  readonly sql: (names: Names) => string;
}

export const migrations: readonly Migration[] = [
  { id: 1, name: '0001-init', release: '0.1.0', oldestBeside: 1, sql: init },
  { id: 2, name: '0002-session-liveness', release: '0.2.0', oldestBeside: 1, sql: sessionLiveness },
  { id: 3, name: '0003-wake-up', release: '0.2.0', oldestBeside: 1, sql: wakeUp },
  { id: 4, name: '0004-suspects', release: '0.2.0', oldestBeside: 1, sql: suspects },
  { id: 5, name: '0005-loop-watch', release: '0.2.0', oldestBeside: 1, sql: loopWatch },
  {
    id: 6,
    name: '0006-payload-versions',
    release: '0.3.0',
    oldestBeside: 1,
    sql: payloadVersions,
  },
  { id: 7, name: '0007-pauses', release: '0.3.0', oldestBeside: 1, sql: pauses },
  { id: 8, name: '0008-overview', release: '0.3.0', oldestBeside: 1, sql: overview },
  { id: 9, name: '0009-sql-interface', release: '0.3.0', oldestBeside: 1, sql: sqlInterface },
  { id: 10, name: '0010-home', release: '0.3.0', oldestBeside: 1, sql: home },
  { id: 11, name: '0011-progress', release: '0.3.0', oldestBeside: 1, sql: progress },
  { id: 12, name: '0012-worker-versions', release: '0.3.0', oldestBeside: 1, sql: workerVersions },
  { id: 13, name: '0013-attempt-logs', release: '0.3.0', oldestBeside: 1, sql: attemptLogs },
  { id: 14, name: '0014-job-verbs', release: '0.3.0', oldestBeside: 1, sql: jobVerbs },
  { id: 15, name: '0015-doubted-deaths', release: '0.3.0', oldestBeside: 1, sql: doubtedDeaths },
  { id: 16, name: '0016-enqueue-batch', release: '0.3.0', oldestBeside: 1, sql: enqueueBatch },
];
