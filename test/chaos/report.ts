import { isQuarantined } from '../helpers/history-checker.ts';
import type { Past } from '../helpers/history-past.ts';
import type { Plan } from './plan.ts';
import type { Aftermath } from './storm.ts';

/** What a storm came to, in lines for people. */
export function reportOf(
  plan: Plan,
  past: Past,
  aftermath: Aftermath & { readonly checkedInMs: number },
): string {
  const { seed, seconds, places } = plan;
  const { faults, promotionsMs, settledInMs, checkedInMs } = aftermath;
  const processes = aftermath.places.flatMap(({ workers }) => workers);
  const happened = [...faults].toSorted(([one], [other]) => (one < other ? -1 : 1));
  const renewals = processes.flatMap((each) => each.events('worker:renewed'));
  const lines: [what: string, count: number | string][] = [
    ['jobs', past.jobs.size],
    ['jobs of schedules', past.fires.length],
    ['runs', past.runNamed.size],
    ['repeats', counted(repeats(past))],
    ['ends', counted(ends(past))],
    ['faults', counted(new Map(happened))],
    ['promotions', promotions(promotionsMs)],
    ['starts', processes.length],
    ['starts while the server was away', sum(aftermath.places.map((each) => each.turnedAway))],
    ['jobs rescued', [...past.attempts.values()].flat().filter(isRescue).length],
    ['renewals', counted(tally(renewals.map(({ reason }) => reason)))],
    ['jobs given back unstarted', unstarted(past)],
    ['jobs quarantined', quarantined(past)],
    ['writes of unknown end', sum(processes.map((each) => each.events('settle:unknown').length))],
    ['late writes refused', sum(processes.map((each) => each.events('settle:refused').length))],
    ['settled in', `${Math.round(settledInMs)} ms`],
    ['checked in', `${Math.round(checkedInMs)} ms`],
  ];
  const title = `seed ${seed}: ${seconds} s, ${places.length} processes`;
  return [title, ...lines.map(([what, count]) => `  ${what}: ${count}`), ''].join('\n');
}

const isRescue = ({ ending }: { readonly ending: string }) => ending === 'crashed';

function promotions(pausesMs: readonly number[]): string {
  const pauses = pausesMs.map((ms) => Math.round(ms)).toSorted((one, other) => one - other);
  if (pauses.length === 0) return '0';
  return `${pauses.length} (without a primary for ${pauses[0]} to ${pauses.at(-1)} ms)`;
}

/** Why jobs ran again. */
function repeats(past: Past): Map<string, number> {
  const reasons: string[] = [];
  for (const [job, runs] of past.runs) {
    for (const [index, run] of runs.slice(0, -1).entries()) {
      const rows = past.attempts.get(job) ?? [];
      const row = rows.find(({ lease }) => run.leases.has(lease));
      const isFormer = past.formerEnds.get(job)?.some(({ lease }) => run.leases.has(lease));
      if ([...run.leases].some((lease) => runs[index + 1]?.leases.has(lease)))
        reasons.push('run again in its attempt');
      else if (isFormer === true) reasons.push('brought back');
      else if (row !== undefined) reasons.push(row.ending);
      else reasons.push('snoozed or given back');
    }
  }
  return tally(reasons);
}

function unstarted({ putBackMs, runNamed }: Past): number {
  const runs = [...runNamed.values()];
  const started = new Set(
    runs.flatMap(({ job, leases }) => [...leases].map((of) => `${job} ${of}`)),
  );
  return [...putBackMs.keys()].filter((key) => !started.has(key)).length;
}

function quarantined({ jobs }: Past): number {
  return [...jobs.values()].filter(isQuarantined).length;
}

function ends({ jobs }: Past): Map<string, number> {
  return tally([...jobs.values()].map(({ state }) => state));
}

function tally(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function counted(counts: ReadonlyMap<string, number>): string {
  const parts = [...counts].map(([name, count]) => `${count} ${name}`);
  return parts.length === 0 ? '0' : `${sum([...counts.values()])} (${parts.join(', ')})`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
