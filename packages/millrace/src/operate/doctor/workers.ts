import { formatDuration } from '../../core/duration.ts';
import type { HealthFacts } from '../../core/operator/health.ts';
import { judgeOf } from './judge.ts';

/** The others declare somebody dead after 12 s; whoever is still there after this long has nobody who looks. */
const silentForMs = 30_000;

const silent = judgeOf(
  'workers',
  (facts) => facts.workers,
  (all) =>
    all
      .filter(({ silentMs }) => silentMs >= silentForMs)
      .map(({ label, silentMs }) => ({
        severity: 'problem',
        message: `The ${label} has been silent for ${formatDuration(Math.round(silentMs / 1_000) * 1_000)}, and no other process has rescued its jobs.`,
        mend: 'Start a worker or a scheduler; it rescues them within seconds.',
      })),
);

const versions = judgeOf(
  'versions',
  (facts) => facts.workers,
  (all) => {
    const found = [...new Set(all.map(({ version }) => version))].toSorted();
    if (found.length < 2) return [];
    return [
      {
        severity: 'warning',
        message: `Processes of different releases run: ${found.join(', ')}.`,
        mend: 'Finish the deploy, so that all run the same.',
      },
    ];
  },
);

export const workers = (facts: HealthFacts) => [
  ...silent(facts),
  ...(facts.workers.read ? versions(facts) : []),
];

export const unserved = judgeOf(
  'unserved',
  (facts) => facts.unserved,
  (all) =>
    all.map(({ queue, kind, newerVersion, jobs, oldestMs }) => ({
      severity: 'problem',
      message: `At least ${jobs} due jobs of the kind '${kind}'${newerVersion === null ? '' : ` with payloads of version ${newerVersion}`} in the queue '${queue}' are served by no live worker; the oldest has been due for ${formatDuration(Math.round(oldestMs / 1_000) * 1_000)}.`,
      mend:
        newerVersion === null
          ? 'Start a worker that has a handler for this kind and serves this queue.'
          : 'Finish the deploy: the workers that run know only older versions of this kind.',
    })),
);
