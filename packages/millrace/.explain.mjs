import pg from 'pg';
const orig = pg.Client.prototype.query; let n = 0; let done = false;
pg.Client.prototype.query = function (config, ...rest) {
  if (!done && typeof config === 'object' && config?.name?.includes('complete_and_claim') && ++n === 60) {
    done = true;
    const c = this;
    return orig.call(this, { text: 'EXPLAIN (ANALYZE, BUFFERS, WAL) ' + config.text, values: config.values }).then((r) => { console.log(r.rows.map((x) => x['QUERY PLAN']).join('\n')); process.exit(0); });
  }
  return orig.call(this, config, ...rest);
};
await import('./.drain.mjs');
