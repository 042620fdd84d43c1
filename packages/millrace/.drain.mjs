import { startDevDatabase } from '@millrace/dev-db';
import { createMillrace, defineJob, delays } from 'millrace';
import { z } from 'zod';
import fs from 'node:fs';
import { execSync } from 'node:child_process';
const N = Number(process.argv[2] ?? 100000);
const db = await startDevDatabase({ ephemeral: true });
const job = defineJob({ kind: 'k', payload: z.object({ i: z.number(), data: z.string().optional() }), maxAttempts: 3, retry: delays([0]) }).handle(async () => {});
const m = createMillrace({ connection: db.url, jobs: [job], logger: false });
await m.migrate();
const serverCpu = () => execSync("ps -eo comm,time,cputimes,pid,args | grep -E '[p]ostgres' | awk '{print $4}'").toString().trim().split('\n').reduce((s, pid) => { try { const f = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' '); return s + (Number(f[11]) + Number(f[12])) * 10; } catch { return s; } }, 0);
for (let r = 0; r < Number(process.argv[3] ?? 3); r++) {
  await m.enqueueMany(Array.from({ length: N }, (_, i) => job.with({ i })));
  await m.transaction((tx) => tx.query('SELECT 1'));
  let claims = 0, taken = 0, dur = 0, done = 0; const fin = Promise.withResolvers(); const sizes = {};
  const un = m.subscribe(({ name, data }) => { if (name === 'claim:taken') { claims++; taken += data.jobs; dur += data.durationMs; const b = Math.ceil(data.jobs / 50) * 50; sizes[b] = (sizes[b] ?? 0) + 1; } if (name === 'settle:written') { done += data.jobs; if (done >= N) fin.resolve(); } });
  const w = m.createWorker(); const c0 = process.cpuUsage(); const s0 = serverCpu(); const t0 = performance.now();
  globalThis.__begin?.(); await w.start(); await fin.promise; globalThis.__end?.(); const ms = performance.now() - t0; const c = process.cpuUsage(c0); const s1 = serverCpu();
  console.log(`${(N / ms * 1000).toFixed(0)}/s client ${((c.user + c.system) / N).toFixed(1)} server ${((s1 - s0) * 1000 / N).toFixed(1)} us; claims ${claims} of ${(taken / claims).toFixed(0)}, ${(dur / claims).toFixed(1)} ms each, busy ${(dur / ms * 100).toFixed(0)}%`, JSON.stringify(sizes));
  un(); await w.stop();
}
await m.close(); await db.stop('immediate');
