/**
 * Several processes under one that starts again those that die, and health over HTTP.
 *
 * @module millrace/supervisor
 */
export { createSupervisor } from './supervisor.ts';
export { isSupervised, joinSupervisor } from './join.ts';
export { serveHealthOf } from './health-server.ts';

export type { HealthServer, ServedMetrics, ServeHealthOptions } from './health-server.ts';
export type { JoinOptions, SupervisedProcess } from './join.ts';
export type {
  Supervisor,
  SupervisorEvent,
  SupervisorOptions,
  SupervisorStopped,
} from './supervisor.ts';
