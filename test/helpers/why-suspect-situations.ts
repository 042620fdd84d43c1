import { running, type Situation } from './why-situations.ts';

/** When a job is suspected of ending its process. */
export const suspectSituations: readonly Situation[] = [
  {
    name: 'a suspect claimed by a worker that is gone',
    code: 'owner_gone',
    sentence:
      /no longer registered; it was in hand when a process died, 2 times before: .+ quarantined/,
    evidence: { liveWorkers: 0, crashes: 2 },
    async arrange(place) {
      await place.worker();
      const id = await running(place, 2);
      await place.session.unregister(place.no);
      return id;
    },
  },
  {
    name: 'a suspect in hand that waits to be alone',
    code: 'suspect_in_hand',
    sentence: /^In the hands of mill:7, where it waits until nothing else runs.+, 2 times\.$/,
    evidence: { worker: 'mill:7', crashes: 2 },
    async arrange(place) {
      await place.worker();
      return running(place, 2);
    },
  },
  {
    name: 'a suspect that runs alone',
    code: 'running',
    sentence: /^Running for /,
    evidence: { worker: 'mill:7' },
    async arrange(place) {
      await place.worker();
      const id = await running(place, 2);
      await place.session.beat(place.no, id, 1);
      return id;
    },
  },
];
