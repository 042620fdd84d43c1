/** The life of a job as a document: a diagram and every state × every event in words. */
import { isFinished, jobStates, type JobState } from '../../packages/millrace/src/core/job.ts';
import { jobEvents, lifecycle, type JobEvent } from '../../packages/millrace/src/core/lifecycle.ts';

const states: Readonly<Record<JobState, string>> = {
  scheduled: 'its due time has not come, and no attempt has been made',
  available: 'it is due, and waits for a worker',
  running: 'a worker has claimed it',
  retryable: 'an attempt has been made, and the due time of the next has not come',
  completed: 'its handler returned',
  cancelled: 'somebody did not want it any more',
  discarded:
    'it was given up: no attempt is left, its handler said so, or it kept ending its process',
};

const events: Readonly<Record<JobEvent, string>> = {
  due: 'its due time comes',
  claim: 'a worker takes it; `attempt` goes up by one',
  complete: 'the handler returns',
  fail: 'the handler throws, or runs out of time',
  snooze: 'the handler asks to be run later; the attempt does not count',
  discard: 'the handler gives it up for good',
  giveBack: 'the worker stops, or cannot run it now, and hands it back; the attempt does not count',
  rescue:
    'its worker is dead; the attempt does not count, the crash does, and the third one ends the job',
  cancel: 'somebody calls `cancel`',
  cancelled: 'the running handler obeys a request to cancel, or asks for it',
  retry: 'somebody calls `retry`',
  run: 'somebody calls `runJob`, due or not',
  giveUp: 'somebody calls `discard`',
  reschedule: 'somebody calls `reschedule`',
  edit: 'somebody calls `edit`, for its payload, priority or queue',
  delete: 'somebody calls `delete`',
};

/** The same in every state that the diagram would otherwise fill with arrows. */
const leftOut: Readonly<Partial<Record<JobEvent, string>>> = {
  cancel: '`cancel` leads from every state that waits to `cancelled`',
  retry: '`retry` leads from every state but `available` and `running` to `available`',
  giveUp: '`discard` leads from every state that waits to `discarded`',
  reschedule: '`reschedule` leads from one state that waits to another',
  delete: '`delete` ends a job in every state but `running`',
};

export function lifecycleDocument(): string {
  return `# The life of a job

<!-- Written by \`npm run docs:reference\` from packages/millrace/src/core/lifecycle.ts; do not edit. -->

${jobStates.map((state) => `- **${state}**: ${states[state]}.`).join('\n')}

Of the waiting states only "it waits" is stored; which of the three it is follows from the due time and the attempts.

\`\`\`mermaid
${diagram()}
\`\`\`

Left out above: ${Object.values(leftOut).join(';\n')}.

## What can happen

${jobEvents.map((event) => `- **${event}**: ${events[event]}.`).join('\n')}

## Every state and every event

${jobStates.map(section).join('\n\n')}
`;
}

function diagram(): string {
  const arrows = new Map<string, JobEvent[]>();
  for (const state of jobStates) {
    for (const event of jobEvents) {
      const transition = lifecycle[state][event];
      if (event in leftOut || !('to' in transition)) continue;
      for (const target of transition.to) {
        const arrow = `${state} --> ${target}`;
        arrows.set(arrow, [...(arrows.get(arrow) ?? []), event]);
      }
    }
  }
  return [
    'stateDiagram-v2',
    '  [*] --> scheduled: enqueue for later',
    '  [*] --> available: enqueue',
    ...[...arrows].map(([arrow, by]) => `  ${arrow}: ${by.join(', ')}`),
    ...jobStates.filter(isFinished).map((state) => `  ${state} --> [*]: retention`),
  ].join('\n');
}

function section(state: JobState): string {
  const rows = jobEvents.map((event) => `| ${event} | ${inWords(state, event)} |`);
  return `### ${state}\n\n| event | what happens |\n|---|---|\n${rows.join('\n')}`;
}

function inWords(state: JobState, event: JobEvent): string {
  const transition = lifecycle[state][event];
  if ('to' in transition) return `becomes ${transition.to.map((to) => `**${to}**`).join(' or ')}`;
  if ('gone' in transition) return 'is gone';
  if ('stays' in transition) return `stays as it is: ${transition.stays}`;
  return `refused: ${transition.refused}`;
}
