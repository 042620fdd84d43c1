/**
 * The indexes that the migrations make, those of constraints after the constraint. Written by `npm run schema:update`.
 */
export const migratedIndexes = `
PRIMARY KEY (job_id) BY CREATE UNIQUE INDEX cancel_request_pkey ON millrace.cancel_request USING btree (job_id)
CREATE INDEX job_attempt_job ON ONLY millrace.job_attempt USING btree (job_id, ended_at)
CREATE INDEX job_claim ON millrace.job USING btree (queue, priority DESC, run_at, id) WHERE (NOT gated)
CREATE INDEX job_history_id ON ONLY millrace.job_history USING btree (id)
PRIMARY KEY (finished_at, id, state) BY CREATE UNIQUE INDEX job_history_pkey ON ONLY millrace.job_history USING btree (finished_at, id, state)
PRIMARY KEY (id) BY CREATE UNIQUE INDEX job_pkey ON millrace.job USING btree (id)
CREATE UNIQUE INDEX job_unique ON millrace.job USING btree (queue, unique_key) WHERE (unique_key IS NOT NULL)
PRIMARY KEY (id) BY CREATE UNIQUE INDEX migration_pkey ON millrace.migration USING btree (id)
PRIMARY KEY (name, fire_time) BY CREATE UNIQUE INDEX schedule_fire_pkey ON millrace.schedule_fire USING btree (name, fire_time)
PRIMARY KEY (name) BY CREATE UNIQUE INDEX schedule_pkey ON millrace.schedule USING btree (name)
PRIMARY KEY (no) BY CREATE UNIQUE INDEX worker_dead_pkey ON millrace.worker_dead USING btree (no)
PRIMARY KEY (no) BY CREATE UNIQUE INDEX worker_pkey ON millrace.worker USING btree (no)
`
  .trim()
  .split('\n');
