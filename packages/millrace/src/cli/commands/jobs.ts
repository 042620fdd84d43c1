import type { Command } from 'commander';
import { addJobVerbs } from './jobs-act.ts';
import { addJobsList } from './jobs-list.ts';
import { addJobsRun } from './jobs-run.ts';
import { addJobsShow } from './jobs-show.ts';

export function addJobs(program: Command): void {
  const jobs = program
    .command('jobs')
    .description('look at jobs; run, retry, cancel, discard, reschedule, edit and delete them');
  addJobsList(jobs);
  addJobsShow(jobs);
  addJobsRun(jobs);
  addJobVerbs(jobs);
}
