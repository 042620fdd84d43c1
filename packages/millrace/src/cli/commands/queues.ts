import type { Command } from 'commander';
import { addQueuesPause } from './queues-pause.ts';
import { addQueuesResume } from './queues-resume.ts';

export function addQueues(program: Command): void {
  const queues = program.command('queues').description('stop queues and let them go on');
  addQueuesPause(queues);
  addQueuesResume(queues);
}
