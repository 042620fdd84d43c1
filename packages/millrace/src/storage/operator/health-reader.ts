import type { Clock } from '../../core/clock.ts';
import { isMillraceError } from '../../core/errors.ts';
import type {
  Fact,
  HealthFacts,
  HealthReader,
  Holder,
  IndexFault,
  Named,
  SchemaFault,
} from '../../core/operator/health.ts';
import type { Row } from '../connection.ts';
import { causeCode, explain } from '../errors.ts';
import { verifySchema } from '../migrations/runner.ts';
import type { Names } from '../names.ts';
import { inTransaction, type Route, type Session } from '../route.ts';
import { toRouteColumns, toUnserved } from '../rows.ts';
import * as health from '../sql/health.ts';
import { unserved } from '../sql/liveness.ts';
import type { StatementOf } from '../sql/statement.ts';

/** One that does not answer in this time is a fact that cannot be read, and holds up no other. */
const factMs = 2_000;
const answerMs = 5_000;

/** Jobs that have been due for less may be met by a worker that is about to start. */
const dueForMs = 10_000;

/** What the planner is asked about: one lane, as an idle worker reads it. */
const oneLane = toRouteColumns({
  wanted: [{ queue: 'default', limit: 1 }],
  lanes: [[{ priority: 0, behind: { us: 0, id: '0' } }]],
});

/** Reads each fact by statements of its own that write nothing and end soon, on a connection that is opened for it. */
export class PgHealthReader implements HealthReader {
  readonly #names: Names;
  readonly #route: Route;
  readonly #clock: Clock;
  readonly #now: () => Date;

  constructor(parts: { names: Names; route: Route; clock: Clock; now: () => Date }) {
    this.#names = parts.names;
    this.#route = parts.route;
    this.#clock = parts.clock;
    this.#now = parts.now;
  }

  async read(): Promise<HealthFacts> {
    const session = await this.#route.open({ answerMs }).catch((error: unknown) => {
      throw explain(error);
    });
    try {
      return await this.#facts(session);
    } finally {
      // Not awaited: a connection that leads nowhere never ends.
      void session.client.end().catch(() => {});
    }
  }

  async #facts(session: Session): Promise<HealthFacts> {
    const { plainSchema } = this.#names;
    const rows = (of: StatementOf, values: readonly unknown[] = []) =>
      inTransaction(session, { transaction_read_only: 'on', statement_timeout: String(factMs) }, [
        { text: of(this.#names).text, values },
      ]);
    const named = async (of: StatementOf, ...values: readonly unknown[]) =>
      (await rows(of, values)).map(toNamed);
    const plan = [...oneLane, 1, ['doctor'], '0', 0, true, [1]];
    return {
      schema: await fact(() => this.#schema(session)),
      home: await fact(() => named(health.strangeHome)),
      indexes: await fact(async () =>
        (await rows(health.faultyIndexes, [plainSchema])).map(toIndex),
      ),
      tables: await fact(async () => (await rows(health.tableSizes, [plainSchema])).map(toTable)),
      activity: await fact(async () => {
        const [sight] = await rows(health.sight);
        return {
          holders: (await rows(health.holders)).map(toHolder),
          seesOthers: sight?.['sees_others'] === true,
          grant: sight?.['grant'] as string,
        };
      }),
      settings: await fact(() => named(health.serverSettings)),
      autovacuum: await fact(() => named(health.autovacuumOff, plainSchema)),
      connections: await fact(async () => {
        const [row] = await rows(health.connectionBudget);
        return {
          most: Number(row?.['most']),
          used: Number(row?.['used']),
          ours: Number(row?.['ours']),
        };
      }),
      pooled: session.isPooled,
      clock: await fact(() => this.#compareClocks(() => rows(health.serverClock))),
      notifications: await fact(async () =>
        Number((await rows(health.notificationQueue))[0]?.['usage']),
      ),
      partitions: await fact(async () => toPartitions(await rows(health.missingPartitions))),
      claimPlan: await fact(async () =>
        otherWays((await rows(health.claimPlan, plan))[0] ?? {}).map((name) => ({
          name,
          mend: `ANALYZE ${this.#names.schema}.job;`,
        })),
      ),
      rowSecurity: await fact(() => named(health.rowSecurity, plainSchema)),
      privileges: await fact(() => named(health.lackingPrivileges, plainSchema)),
      sequence: await fact(async () => {
        const [row] = await rows(health.idSequence);
        const text = (name: string) => row?.[name] as string;
        return { last: text('last'), highestId: text('highest'), mend: text('mend') };
      }),
      workers: await fact(async () =>
        (await rows(health.registered)).map((row) => ({
          label: row['label'] as string,
          version: row['version'] as string,
          silentMs: row['silent_ms'] as number,
        })),
      ),
      unserved: await fact(async () => (await rows(unserved, [dueForMs])).map(toUnserved)),
    };
  }

  async #schema({ client }: Session): Promise<SchemaFault | null> {
    try {
      await verifySchema(client, this.#names);
      return null;
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      return { code: error.code, message: error.message, remedy: error.remedy };
    }
  }

  /** The second time, for the first answer also pays for the connection's beginnings. */
  async #compareClocks(ask: () => Promise<Row[]>) {
    await ask();
    const startedMs = this.#clock.monotonicMs();
    const [row] = await ask();
    const roundTripMs = this.#clock.monotonicMs() - startedMs;
    const hereMs = this.#now().getTime() - roundTripMs / 2;
    return { serverMs: Number(row?.['server_ms']), hereMs, roundTripMs };
  }
}

/** A connection that is gone ends everything; whatever else goes wrong is about this fact alone. */
async function fact<T>(read: () => Promise<T>): Promise<Fact<T>> {
  try {
    return { read: true, value: await read() };
  } catch (error) {
    const explained = explain(error);
    if (isMillraceError(explained, 'MILLRACE_DB_UNREACHABLE')) throw explained;
    const reason = explained instanceof Error ? explained.message : String(explained);
    // The sentence of the server names the object; what to grant, the finding about privileges says.
    const mend = causeCode(error) === '57014' ? 'Run it again when the server is less busy.' : null;
    return { read: false, reason, mend };
  }
}

function toNamed(row: Row): Named {
  return { name: row['name'] as string, mend: row['mend'] as string };
}

function toIndex(row: Row): IndexFault {
  return { ...toNamed(row), fault: row['fault'] as IndexFault['fault'] };
}

function toTable(row: Row) {
  return {
    ...toNamed(row),
    liveRows: row['live'] as number,
    deadRows: row['dead'] as number,
    vacuumAt: row['vacuum_at'] as number,
    bytes: row['bytes'] as number,
    isIndex: row['is_index'] as boolean,
  };
}

function toHolder(row: Row): Holder {
  return {
    ...toNamed(row),
    type: row['type'] as Holder['type'],
    heldMs: row['held_ms'] as number | null,
    detail: row['detail'] as string,
  };
}

function toPartitions(rows: readonly Row[]) {
  const missing = rows.map((row) => ({
    parent: row['parent'] as string,
    daysAhead: row['ahead'] as number,
  }));
  return { missing, mend: (rows[0]?.['mend'] as string | undefined) ?? '' };
}

interface PlanStep {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly PlanStep[];
}

/** The steps that look for jobs by another way than the index of claims; what was found is then read by its address. */
function otherWays(row: Row): readonly string[] {
  const [{ Plan }] = row['QUERY PLAN'] as [{ readonly Plan: PlanStep }];
  const steps = (step: PlanStep): PlanStep[] => [step, ...(step.Plans ?? []).flatMap(steps)];
  return steps(Plan)
    .filter((step) => step['Relation Name'] === 'job' && step['Index Name'] !== 'job_claim')
    .map((step) => [step['Node Type'], step['Index Name']].filter(Boolean).join(' by '))
    .filter((way) => way !== 'ModifyTable' && way !== 'Tid Scan');
}
