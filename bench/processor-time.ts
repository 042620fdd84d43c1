/** Processor time of other processes, which Linux tells in /proc; NaN elsewhere. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = existsSync('/proc/self/stat')
  ? Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  : Number.NaN;

/** The fields of /proc/PID/stat after the name, which may contain anything. */
function fieldsOf(pid: number | string): readonly number[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text
      .slice(text.lastIndexOf(')') + 4)
      .split(' ')
      .map(Number);
  } catch {
    return undefined;
  }
}

const field = { parent: 0, user: 10, system: 11, endedUser: 12, endedSystem: 13 } as const;

export function parentOf(pid: number): number | undefined {
  return fieldsOf(pid)?.[field.parent];
}

/** Of a process, its children, and its children that have ended. */
export function familySeconds(pid: number | undefined): number {
  const own = pid === undefined ? undefined : fieldsOf(pid);
  if (own === undefined) return Number.NaN;
  const sum = (fields: readonly number[], ...wanted: number[]) =>
    wanted.reduce((total, at) => total + (fields[at] ?? 0), 0);
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => fieldsOf(name) ?? [])
    .filter((fields) => fields[field.parent] === pid)
    .map((fields) => sum(fields, field.user, field.system));
  const ticks =
    sum(own, field.user, field.system, field.endedUser, field.endedSystem) +
    children.reduce((total, each) => total + each, 0);
  return ticks / ticksPerSecond;
}

/** What the whole machine has spent. */
export function machineSeconds(): number {
  if (Number.isNaN(ticksPerSecond)) return Number.NaN;
  const [first = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = first
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq) / ticksPerSecond;
}
