import type { Clock } from '../../packages/millrace/src/core/clock.ts';
import type { Events } from '../../packages/millrace/src/core/events.ts';
import type { ClaimedJob } from '../../packages/millrace/src/core/job.ts';
import type { JobOptions } from '../../packages/millrace/src/core/job-definition.ts';
import { defineJob } from '../../packages/millrace/src/core/job-definition.ts';
import type { HandledJobSettings } from '../../packages/millrace/src/worker/held-job.ts';
import { HeldJob } from '../../packages/millrace/src/worker/held-job.ts';

/** A clock on which every pause is over in the next turn of the event loop; it notes how long they were to be. */
export function instantClock(): { readonly clock: Clock; readonly pauses: number[] } {
  const pauses: number[] = [];
  let nowMs = 0;
  const clock: Clock = {
    monotonicMs: () => nowMs,
    after(delayMs, callback) {
      pauses.push(delayMs);
      const turn = setImmediate(() => {
        nowMs += delayMs;
        callback();
      });
      return () => clearImmediate(turn);
    },
  };
  return { clock, pauses };
}

/** Notes what is emitted. */
export function emitted() {
  const events: { name: keyof Events; data: unknown }[] = [];
  const emit = <Name extends keyof Events>(name: Name, data: Events[Name]) => {
    events.push({ name, data });
  };
  const named = <Name extends keyof Events>(name: Name) =>
    events.filter((event) => event.name === name).map((event) => event.data as Events[Name]);
  return { emit, named };
}

const atMs = Date.parse('2026-01-01T00:00:00Z');

export function claimedJob(rest: Partial<ClaimedJob> = {}): ClaimedJob {
  return {
    id: '1',
    lease: '4294967297',
    kind: 'test',
    queue: 'default',
    priority: 0,
    attempt: 1,
    maxAttempts: 3,
    crashes: 0,
    createdMs: atMs,
    scheduledMs: atMs,
    claimedMs: atMs,
    payload: {},
    meta: {},
    policy: {},
    payloadVersion: 1,
    ...rest,
  };
}

/** A job in hand whose definition has these settings. */
export function heldJob(
  job: Partial<ClaimedJob> = {},
  options: Partial<JobOptions<string, undefined, undefined>> = {},
): HeldJob {
  const definition = defineJob({ kind: 'test', handler() {}, ...options });
  return new HeldJob(claimedJob(job), definition.settings as HandledJobSettings);
}
