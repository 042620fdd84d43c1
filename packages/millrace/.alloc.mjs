import inspector from 'node:inspector';
const N = 200000;
const s = new inspector.Session(); s.connect(); s.post('HeapProfiler.enable');
process.argv[2] = String(N); process.argv[3] = '1';
const sub = Promise.prototype;
globalThis.__begin = () => s.post('HeapProfiler.startSampling', { samplingInterval: 8192, includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true });
globalThis.__end = () => s.post('HeapProfiler.stopSampling', (e, r) => { const out = new Map(); let total = 0; const walk = (n) => { const k = n.callFrame.functionName + ' ' + n.callFrame.url.split('/').slice(-2).join('/') + ':' + n.callFrame.lineNumber; out.set(k, (out.get(k) ?? 0) + n.selfSize); total += n.selfSize; n.children.forEach(walk); }; walk(r.profile.head); console.log('total/job', (total / N).toFixed(0)); console.log([...out].sort((a, b) => b[1] - a[1]).slice(0, 26).map(([k, v]) => (v / N).toFixed(0).padStart(7) + ' ' + k).join('\n')); });
await import('./.drain.mjs');
