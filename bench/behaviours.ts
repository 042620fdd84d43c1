/** What handlers do, by name: the processes that run them are told the name. */
import { setTimeout as sleep } from 'node:timers/promises';
import { nowMs } from './numbers.ts';

type Behave = (i: number) => void | Promise<void>;

const failEvery = 20;
const longestMs = 20;
const pacedMs = 1;

function fail(): never {
  throw new Error('a handler that throws');
}

/** Every job, or one of `every`, fails at its first attempt in this process. */
function failOnce(every: number): Behave {
  const failed = new Set<number>();
  return (i) => {
    if (i % every !== 0 || failed.has(i)) return;
    failed.add(i);
    fail();
  };
}

function mixed(): Behave {
  const mayFail = failOnce(failEvery);
  return async (i) => {
    await sleep(i % (longestMs + 1));
    await mayFail(i);
  };
}

/** Ends 1,000 jobs a second, however many are begun at a time. */
function paced(): Behave {
  let next = 0;
  return () => {
    next = Math.max(next + pacedMs, nowMs());
    return sleep(Math.max(0, next - nowMs()));
  };
}

const behaviours = {
  noop: () => () => {},
  failOnce: () => failOnce(1),
  mixed,
  paced,
  hang: () => () => new Promise<void>(() => {}),
} satisfies Record<string, () => Behave>;

export type Behaviour = keyof typeof behaviours;

export function behave(name: Behaviour): Behave {
  return behaviours[name]();
}
