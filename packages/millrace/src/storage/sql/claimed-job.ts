const us = (time: string) => `(pg_catalog.date_part('epoch', j.${time}) * 1000000)::bigint`;
const unlessDue = (time: string) => `CASE WHEN j.${time} <> j.run_at THEN ${us(time)} END`;

/**
 * What a claim tells of a job. What is as usual is null, which costs next to nothing to send and to read: no priority, no
 * crash, payload version 1, a job that was due as soon as it was enqueued.
 */
const columns = {
  id: 'j.id',
  kind: 'j.kind',
  queue: 'j.queue',
  attempt: 'j.attempt',
  max_attempts: 'j.max_attempts',
  run_at_us: us('run_at'),
  created_us: unlessDue('created_at'),
  scheduled_us: unlessDue('scheduled_at'),
  priority: 'nullif(j.priority, 0)',
  crashes: 'nullif(j.crashes, 0)',
  payload_version: 'nullif(j.payload_version, 1)',
  payload: 'j.payload',
  meta: 'j.meta',
  policy: 'j.policy',
};

const names = Object.keys(columns);

/** Rows of claims are read by position: a name for each value of each job would cost more than all else about them. */
export const claimedAt = Object.fromEntries(
  names.map((column, index) => [column, index]),
) as Readonly<Record<keyof typeof columns, number>>;

/** From here on stands in a row what is not about its job. */
export const besidesAt = names.length;

/** For RETURNING, of a row `j`. */
export const claimedColumns = Object.entries(columns)
  .map(([name, value]) => `${value} AS ${name}`)
  .join(', ');

/** In the place of a job that is not there. */
export const noJob = names.map((name) => `NULL AS ${name}`).join(', ');
