/** A process that works for a fleet: `fleet.ts` starts it and speaks with it. */
import { behave } from './behaviours.ts';
import type { FleetTask, FromWorker, Report, ToWorker } from './fleet.ts';
import { nowMs } from './numbers.ts';
import { loadPeer, type Handle, type Watch, type Working } from './peer.ts';

const progressMs = 10;
const task = JSON.parse(process.argv[2] ?? '') as FleetTask;
const peer = await loadPeer(task.peer);
await peer.load?.(task.place);

const report: Report = {
  cpuSeconds: 0,
  rssBytes: 0,
  beganMs: 0,
  firstStartMs: 0,
  targetMs: 0,
  started: 0,
  ended: 0,
  awoke: 0,
  starts: [],
  claims: [],
};
let cpuBefore = process.cpuUsage();
let working: Working | undefined;

function tell(message: FromWorker): void {
  process.send?.(message);
}

function begin(i: number): void {
  const at = nowMs();
  if (report.started === 0) report.firstStartMs = at;
  report.started += 1;
  if (task.record) report.starts.push(i, at);
}

function end(): void {
  report.ended += 1;
  if (report.ended === task.target) report.targetMs = nowMs();
}

const run = behave(task.behaviour);
const handle: Handle = ({ i }) => {
  begin(i);
  const running = run(i);
  if (running !== undefined) return running.then(end);
  end();
  return undefined;
};
const watch: Watch = {
  claimed: (durationMs) => report.claims.push(nowMs(), durationMs),
  awoke: () => {
    report.awoke += 1;
  },
};

/** The clock starts before anything is connected. */
async function go(): Promise<void> {
  cpuBefore = process.cpuUsage();
  report.beganMs = nowMs();
  working = await peer.work(task.place, handle, task.watch ? watch : undefined);
  tell({ type: 'working' });
}

function answer(): void {
  const { user, system } = process.cpuUsage(cpuBefore);
  report.cpuSeconds = (user + system) / 1e6;
  report.rssBytes = process.memoryUsage.rss();
  tell({ type: 'report', report });
}

process.on('message', (message: ToWorker) => {
  if (message === 'go') void go();
  else if (message === 'report') answer();
  else void working?.stop().finally(() => process.exit(0));
});
process.on('disconnect', () => process.exit(1));

let told = 0;
setInterval(() => {
  if (told === report.ended) return;
  told = report.ended;
  tell({ type: 'ended', jobs: told });
}, progressMs);
tell({ type: 'loaded' });
