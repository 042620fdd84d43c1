import { fork } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Worker as Thread } from 'node:worker_threads';
import { Client } from './client/client.ts';
import type { Limits } from './client/prepare.ts';
import type { Enqueue } from './core/enqueue.ts';
import type { JobRef } from './core/events.ts';
import { HealthRecord } from './core/health.ts';
import { refuseWhereIsolated } from './core/isolation.ts';
import type { AnyJobDefinition } from './core/job-definition.ts';
import { jobsByKind } from './core/jobs-by-kind.ts';
import { flagSourceOf, type FlagSource } from './core/flags.ts';
import type { AttemptLog } from './core/logger.ts';
import { middlewareList, type Middleware } from './core/middleware.ts';
import type { TelemetrySource } from './core/telemetry.ts';
import type {
  Millrace,
  MillraceOptions,
  Scheduler,
  SchedulerOptions,
  Worker,
  WorkerOptions,
} from './core/millrace.ts';
import {
  checkOptions,
  defaults,
  millraceChecks,
  schedulerChecks,
  transactionChecks,
} from './core/options.ts';
import type { Tuning } from './core/tuning.ts';
import { IsolationPool } from './isolation/pool.ts';
import { processVessel, threadVessel, type Vessel } from './isolation/vessel.ts';
import { LoopWatch } from './loop-watch/loop-watch.ts';
import { Maintenance } from './maintenance/maintenance.ts';
import { operatorOf, type Operator } from './operate/operator.ts';
import { ProcessShare } from './process-share.ts';
import { Scheduler as SchedulerService, type SchedulerParts } from './scheduler/scheduler.ts';
import { connectionsOf } from './storage/connection.ts';
import { namesOf, type Names } from './storage/names.ts';
import { PgBacklog } from './storage/operator/backlog.ts';
import { operatorStore } from './storage/operator/operator-store.ts';
import { PgStorage } from './storage/pg-storage.ts';
import { Pool } from './storage/pool.ts';
import { threadConfig, type StandInParts } from './storage/stand-in.ts';
import { Route } from './storage/route.ts';
import { systemClock, systemTime } from './system-clock.ts';
import { publishEvents } from './telemetry/diagnostics.ts';
import { createEventBus, type EventBus } from './telemetry/event-bus.ts';
import { Instruments } from './telemetry/instruments.ts';
import { logEvents } from './telemetry/log-events.ts';
import { attemptLogs, loggerOf } from './telemetry/logs.ts';
import { telemetrySources } from './telemetry/source.ts';
import { version } from './version.ts';
import { Company } from './worker/company.ts';
import { runByHand } from './worker/run-by-hand.ts';
import type { WorkerFacts } from './worker/session.ts';
import { runUntilSignal } from './worker/signals.ts';
import type { WorkerParts } from './worker/worker-parts.ts';
import { JobWorker } from './worker/worker.ts';

/** What every part is connected to. */
export interface Composition {
  readonly tuning: Tuning;
  readonly place: { readonly names: Names; readonly connections: ReturnType<typeof connectionsOf> };
  readonly jobs: ReadonlyMap<string, AnyJobDefinition>;
  readonly use: readonly Middleware[];
  readonly bus: EventBus;
  readonly logFor: (job: JobRef) => AttemptLog;
  readonly storage: PgStorage;
  readonly operator: Operator;
  readonly client: Client;
  readonly flags: FlagSource | undefined;
  readonly share: ProcessShare;
  readonly company: Company;
  readonly loopWatch: LoopWatch;
  readonly health: HealthRecord;
  readonly maintenance: Maintenance;
  readonly isolation: IsolationPool;
  readonly enqueue: Enqueue;
  readonly instruments: Instruments;
  readonly telemetrySource: (name: string) => TelemetrySource;
  readonly workers: Set<JobWorker>;
  readonly resultMaxBytes: number;
  readonly process: Pick<WorkerFacts, 'boot' | 'host' | 'pid' | 'version'>;
}

const compositions = new WeakMap<object, Composition>();

/** What a Millrace is made of, for the testing kit, which makes services of its own from it; undefined for anything else. */
export function compositionOf(millrace: object): Composition | undefined {
  return compositions.get(millrace);
}

/** The composition root: the only place that makes storage and services and connects them. */
export function composeMillrace(options: MillraceOptions, tuning: Tuning): Millrace {
  const all = connect(options, tuning);
  const { jobs, storage, client, bus, enqueue } = all;
  const running = new Set<Worker | Scheduler>();
  const remember = <S extends Worker | Scheduler>(service: S, stopped: Promise<unknown>): S => {
    running.add(service);
    void stopped.finally(() => running.delete(service));
    return service;
  };
  async function close(): Promise<void> {
    await Promise.all([...running].map((service) => service.stop()));
    all.isolation.close();
    await storage.close();
    bus.flush();
  }
  const millrace: Millrace = {
    jobs,
    migrate: () => storage.migrate(),
    pendingMigrations: () => storage.pendingMigrations(),
    verify: () => storage.verify(),
    async transaction(body, transactionOptions = {}) {
      const { isolation } = checkOptions(transactionChecks, transactionOptions, 'transaction');
      return storage.transaction(isolation ?? 'read committed', body);
    },
    enqueue,
    enqueueMany: (requests, rest) => client.enqueueMany(requests, rest),
    get: (id) => client.get(id),
    cancel: (id, rest) => client.cancel(id, rest),
    retry: (id, rest) => client.retry(id, rest),
    ...all.operator,
    runJob: (...run) => runByHand({ ...all, workerOf: (...own) => workerOf(all, ...own) }, ...run),
    createWorker(workerOptions = {}) {
      const worker = workerOf(all, workerOptions);
      all.workers.add(worker);
      void worker.stopped.finally(() => all.workers.delete(worker));
      return remember(worker, worker.stopped);
    },
    createScheduler(schedulerOptions = {}) {
      const scheduler = schedulerOf(all, schedulerOptions);
      return remember(scheduler, scheduler.stopped);
    },
    subscribe: (listener, name) => bus.subscribe(listener, name),
    boot: all.process.boot,
    health: () => all.health.ask(() => storage.verify()),
    processEnded: (boot) => all.maintenance.processEnded(boot),
    attached: all.instruments.attached,
    attach: (tool) => all.instruments.attach(tool, all.telemetrySource),
    close,
    [Symbol.asyncDispose]: close,
  };
  compositions.set(millrace, all);
  return millrace;
}

function connect(options: MillraceOptions, tuning: Tuning): Composition {
  const checked = checkOptions(millraceChecks, options, 'createMillrace');
  const host = hostname();
  const boot = randomUUID();
  const bus = createEventBus(systemClock);
  const { emit } = bus;
  const logger = loggerOf(options.logger, systemTime);
  publishEvents(bus);
  logEvents(bus, logger);
  const health = healthOf(bus);

  const schema = checked.schema ?? defaults.schema;
  const connections = connectionsOf(options.connection, options.directConnection);
  const names = namesOf(schema);
  const route = new Route(connections.direct, () => emit('session:pooled', {}));
  const pool = new Pool(connections.connection);
  const label = `${host}:${process.pid}`;
  const storage = new PgStorage({ names, pool, direct: route, clock: systemClock, label });
  const limits = limitsOf(checked);
  const instruments = new Instruments(systemClock);
  const client = new Client({ storage, emit, limits, aroundEnqueue: instruments.aroundEnqueue });
  const maintenance = maintenanceOf({ storage, bus, health, tuning }, boot, checked);
  const loopWatch = loopWatchOf(bus, tuning, () => ({
    connection: threadConfig(connections.direct()),
    schema,
    boot,
  }));
  const jobs = jobsByKind(options.jobs ?? []);
  const workers = new Set<JobWorker>();
  return {
    tuning,
    place: { names, connections },
    jobs,
    use: limits.use,
    bus,
    logFor: attemptLogs(logger, options.captureLogs, systemTime),
    storage,
    operator: operatorOf({
      store: operatorStore({ names, pool, route, clock: systemClock, now: systemTime }),
      clock: systemClock,
      jobs,
      client,
      emit,
      storage,
      ...limits,
    }),
    client,
    flags: flagSourceOf(options.flags),
    share: new ProcessShare(storage, [loopWatch, maintenance], () => options.onProcessStart?.()),
    company: new Company(systemClock),
    loopWatch,
    health,
    maintenance,
    isolation: new IsolationPool(systemClock, isolated),
    enqueue: (definition, ...[payload, rest]) => client.enqueue(definition, payload, rest),
    instruments,
    telemetrySource: telemetrySources({
      version,
      jobs,
      bus,
      clock: systemClock,
      reader: new PgBacklog({ pool, names }),
      inHand: () => Array.from(workers, (worker) => worker.inHand()),
      connections: () => storage.connections(),
    }),
    workers,
    resultMaxBytes: checked.resultMaxBytes ?? defaults.resultMaxBytes,
    process: { boot, host, pid: process.pid, version },
  };
}

function healthOf(bus: EventBus): HealthRecord {
  const health = new HealthRecord(systemClock);
  bus.subscribe((event) => health.hear(event), 'health', health.wants);
  return health;
}

function limitsOf(given: { readonly payloadMaxBytes?: number; readonly use?: unknown }): Limits {
  return {
    payloadMaxBytes: given.payloadMaxBytes ?? defaults.payloadMaxBytes,
    use: middlewareList(given.use, 'createMillrace.use'),
  };
}

function maintenanceOf(
  { storage, bus, health, tuning }: Pick<Composition, 'storage' | 'bus' | 'health' | 'tuning'>,
  boot: string,
  kept: { readonly completedRetention?: number; readonly failedRetention?: number },
): Maintenance {
  return new Maintenance({
    session: storage.session(),
    clock: systemClock,
    random: Math.random,
    emit: bus.emit,
    onPass: health.passed,
    boot,
    times: tuning,
    retention: {
      completedMs: kept.completedRetention ?? defaults.completedRetentionMs,
      failedMs: kept.failedRetention ?? defaults.failedRetentionMs,
    },
  });
}

function loopWatchOf(bus: EventBus, tuning: Tuning, standIn: () => StandInParts): LoopWatch {
  const { blockedForMs } = tuning;
  return new LoopWatch({
    clock: systemClock,
    emit: bus.emit,
    blockedForMs,
    startThread: (memory) => watchThread({ memory, blockedForMs, standIn: standIn() }),
  });
}

/** @param own parts in the place of those that all services share */
export function workerOf(
  all: Composition,
  options: WorkerOptions,
  own: Partial<WorkerParts> = {},
): JobWorker {
  refuseWhereIsolated('worker');
  const { tuning, jobs, use, bus, storage, share, enqueue, resultMaxBytes } = all;
  const worker: JobWorker = new JobWorker({
    options,
    jobs: jobs.values(),
    use,
    port: storage.session(),
    prepare: () => share.begin(worker),
    release: () => {
      all.isolation.rest();
      return share.end(worker);
    },
    company: all.company,
    clock: systemClock,
    emit: bus.emit,
    random: Math.random,
    process: all.process,
    enqueue,
    enqueueMany: (requests, rest) => all.client.enqueueMany(requests, rest),
    isolation: all.isolation,
    flags: all.flags,
    logFor: all.logFor,
    aroundAttempt: all.instruments.aroundAttempt,
    began: (job) => all.loopWatch.began(job),
    resultMaxBytes,
    heartbeatMs: tuning.heartbeatMs,
    backstopMs: tuning.backstopMs,
    pollMs: tuning.pollMs,
    patienceMs: tuning.patienceMs,
    ...own,
  });
  return worker;
}

/** @param own parts in the place of those that all services share */
export function schedulerOf(
  all: Composition,
  options: SchedulerOptions,
  own: Partial<SchedulerParts> = {},
): SchedulerService {
  refuseWhereIsolated('scheduler');
  checkOptions(schedulerChecks, options, 'createScheduler');
  const { tuning, jobs, bus, storage, client, share } = all;
  const scheduler: SchedulerService = new SchedulerService({
    session: storage.session(),
    prepareDatabase: () => share.begin(scheduler),
    release: () => share.end(scheduler),
    clock: systemClock,
    random: Math.random,
    emit: bus.emit,
    onPass: all.health.passed,
    definitions: options.jobs ?? [...jobs.values()],
    identity: (schedules) => ({
      ...all.process,
      no: randomInt(1, 2 ** 31),
      role: 'scheduler',
      kinds: [],
      queues: [],
      schedules,
    }),
    enqueueBy: (request, store) => client.enqueueBy(request, store),
    beatMs: tuning.heartbeatMs,
    run: runUntilSignal,
    ...own,
  });
  return scheduler;
}

/** As a file beside this one, so a bundle does not have it; Node.js then says so. */
function watchThread(workerData: {
  readonly memory: SharedArrayBuffer;
  readonly blockedForMs: number;
  readonly standIn: StandInParts;
}): Thread {
  return new Thread(besideThis('watch-thread'), {
    workerData,
    name: 'millrace',
    // Without what the program was started with, such as hooks for its own modules.
    execArgv: [],
    // It makes next to no garbage, and would keep that for hours.
    resourceLimits: { maxYoungGenerationSizeMb: 1 },
  });
}

/** As above, for isolated handlers. */
const isolated = { process: isolatedProcess, thread: isolatedThread } as const;

/** What the program was started with stays, so that its modules load there too; a debugger's port is taken. */
function isolatedProcess(memoryMb: number): Vessel {
  const own = process.execArgv.filter((argument) => !argument.startsWith('--inspect'));
  const child = fork(besideThis('isolate-process'), [], {
    execArgv: [...own, `--max-old-space-size=${memoryMb}`],
    serialization: 'advanced',
  });
  return processVessel(child, memoryMb);
}

function isolatedThread(memoryMb: number): Vessel {
  const thread = new Thread(besideThis('isolate-thread'), {
    name: 'millrace job',
    // A full heap gets 16 MiB more in which to end. If young objects do not fit in there, V8 ends the whole process.
    resourceLimits: { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: 12 },
  });
  return threadVessel(thread, memoryMb);
}

function besideThis(name: string): URL {
  const { url } = import.meta;
  return new URL(`./${name}${url.endsWith('.ts') ? '.ts' : '.js'}`, url);
}
