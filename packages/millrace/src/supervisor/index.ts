export { createSupervisor } from './supervisor.ts';
export { isSupervised, joinSupervisor } from './join.ts';
export { serveHealthOf } from './health-server.ts';

export type { HealthServer } from './health-server.ts';
export type { SupervisedProcess } from './join.ts';
export type {
  Supervisor,
  SupervisorEvent,
  SupervisorOptions,
  SupervisorStopped,
} from './supervisor.ts';
