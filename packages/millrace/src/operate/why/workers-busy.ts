import { serving, type Rule } from './reason.ts';

export const workersBusy: Rule = (facts) => {
  const those = serving(facts);
  let slots = 0;
  let running = 0;
  for (const worker of those) {
    if (worker.concurrency === null || worker.running === null) return undefined;
    if (worker.running < worker.concurrency) return undefined;
    slots += worker.concurrency;
    running += worker.running;
  }
  if (slots === 0) return undefined;
  return {
    code: 'workers_busy',
    sentence: `Due and next in line, but at their last heartbeat ${running} of ${slots} slots of the ${those.length} workers that serve it were taken.`,
    evidence: { running, slots, workers: those.length },
  };
};
