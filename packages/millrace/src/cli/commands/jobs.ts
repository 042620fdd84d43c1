import type { Command } from 'commander';
import { addJobsList } from './jobs-list.ts';
import { addJobsShow } from './jobs-show.ts';

export function addJobs(program: Command): void {
  const jobs = program.command('jobs').description('look at jobs');
  addJobsList(jobs);
  addJobsShow(jobs);
}
