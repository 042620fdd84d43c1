import { readdirSync, readFileSync } from 'node:fs';

const sampleEveryMs = 1_000;

/** Watches the memory of this process and everything it started, PostgreSQL included. Linux only; elsewhere it reads 0. */
export class MemoryWatch implements Disposable {
  readonly #timer = setInterval(() => this.#sample(), sampleEveryMs).unref();
  #peakKib = 0;

  /** The most that all processes together held at one time; what they share counts once. */
  get peakMib(): number {
    this.#sample();
    return Math.round(this.#peakKib / 1024);
  }

  #sample(): void {
    let sum = 0;
    for (const pid of processTree(process.pid)) sum += proportionalKib(pid);
    this.#peakKib = Math.max(this.#peakKib, sum);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function proportionalKib(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
}

function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of list('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // The name of the program stands in brackets and may hold anything.
    const parent = Number(/^.*\) \S (\d+)/s.exec(read(`/proc/${name}/stat`))?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/** Empty when the process has gone in the meantime. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
