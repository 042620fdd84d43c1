import { ago, place, serving, type Rule } from './reason.ts';

export const unserved: Rule = (facts) => {
  const { job, workers, lastServed } = facts;
  if (serving(facts).length > 0) return undefined;
  const what =
    workers.length === 0
      ? `No live worker serves queue '${job.queue}'`
      : `No live worker of queue '${job.queue}' handles '${job.kind}'`;
  const last =
    lastServed === null
      ? ''
      : `; the last that did was ${place(lastServed)}, which went ${ago(lastServed.at, facts)}`;
  return {
    code: 'unserved',
    sentence: `${what}${last}.`,
    evidence: {
      queue: job.queue,
      kind: job.kind,
      workersOfQueue: workers.length,
      lastServedBy: lastServed === null ? null : place(lastServed),
      lastServedAt: lastServed?.at.toISOString() ?? null,
    },
  };
};
