import { invariants, settlesDown, type Invariant } from './invariants.ts';
import { isFinished, mended, type Rules } from './rows.ts';
import { initial, keyOf, type Size, type State } from './state.ts';
import { steps } from './steps.ts';

export interface Counterexample {
  readonly broken: Invariant;
  readonly trace: readonly string[];
}

export interface Explored {
  readonly states: number;
  /** The shortest way on which something is broken, if there is one. */
  readonly counterexample?: Counterexample;
}

interface Options {
  /** Safeguards of the protocol that are left out. */
  readonly left?: Partial<Rules>;
  /** What must hold; everything, if nothing is said. */
  readonly wanted?: (invariant: Invariant) => boolean;
  /** The steps after which the exploration begins. */
  readonly after?: readonly string[] | undefined;
}

/** Walks through every state that can be reached, nearest first. */
export function explore(
  size: Size,
  { left = {}, wanted = () => true, after = [] }: Options = {},
): Explored {
  const rules = { ...mended, ...left };
  const checks = checksOf(wanted);
  const start = after.reduce((state, name) => taken(state, rules, name), initial(size));
  const ways: Way[] = [{ state: start, name: '', from: -1 }];
  const known = new Set([keyOf(start)]);
  const found = (broken: Invariant, at: number, ...last: string[]): Explored => {
    const trace = [...after, ...traceTo(ways, at), ...last];
    return { states: ways.length, counterexample: { broken, trace } };
  };
  for (const [at, { state }] of ways.entries()) {
    // Nothing can become of finished jobs: every step leaves them what they are.
    if (state.jobs.every(isFinished)) continue;
    if (wanted('every job can be finished') && !settlesDown(state, rules))
      return found('every job can be finished', at);
    for (const step of steps(state, rules)) {
      const broken = checks.find(([, holds]) => !holds(state, step));
      if (broken !== undefined) return found(broken[0], at, step.name);
      const key = keyOf(step.state);
      if (known.has(key)) continue;
      known.add(key);
      ways.push({ state: step.state, name: step.name, from: at });
    }
  }
  return { states: ways.length };
}

/** Goes one way: each number says which of the possible steps is taken. Answers with what was broken on it, if anything. */
export function follow(size: Size, choices: readonly number[]): Counterexample | undefined {
  const checks = checksOf(() => true);
  const trace: string[] = [];
  let state = initial(size);
  for (const choice of choices) {
    const possible = [...steps(state, mended)];
    const step = possible[choice % possible.length];
    if (step === undefined) break;
    trace.push(step.name);
    const broken = checks.find(([, holds]) => !holds(state, step));
    if (broken !== undefined) return { broken: broken[0], trace };
    state = step.state;
  }
  return settlesDown(state, mended) ? undefined : { broken: 'every job can be finished', trace };
}

interface Way {
  readonly state: State;
  readonly name: string;
  /** The index of the way that it goes on from. */
  readonly from: number;
}

function traceTo(ways: readonly Way[], index: number): string[] {
  const trace: string[] = [];
  for (let at = index; at > 0; at = ways[at]?.from ?? 0) trace.unshift(ways[at]?.name ?? '');
  return trace;
}

type Check = readonly [Invariant, (typeof invariants)[keyof typeof invariants]];

function checksOf(wanted: (invariant: Invariant) => boolean): readonly Check[] {
  return Object.entries(invariants)
    .map(([name, holds]) => [name as Invariant, holds] as const)
    .filter(([name]) => wanted(name));
}

function taken(state: State, rules: Rules, name: string): State {
  const step = [...steps(state, rules)].find((one) => one.name === name);
  if (step === undefined) throw new Error(`no such step is possible: ${name}`);
  return step.state;
}
