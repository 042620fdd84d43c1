/**
 * The indexes that the migrations make, those of constraints after the constraint. Written by `npm run schema:update`.
 */
export const migratedIndexes = `
PRIMARY KEY (job_id) BY CREATE UNIQUE INDEX cancel_request_pkey ON millrace.cancel_request USING btree (job_id)
CREATE INDEX job_attempt_ended ON ONLY millrace.job_attempt USING btree (ended_at)
CREATE INDEX job_attempt_job ON ONLY millrace.job_attempt USING btree (job_id, ended_at)
CREATE INDEX job_claim ON millrace.job USING btree (queue, priority DESC, run_at, id) WHERE (NOT gated)
CREATE INDEX job_history_id ON ONLY millrace.job_history USING btree (id)
PRIMARY KEY (finished_at, id, state) BY CREATE UNIQUE INDEX job_history_pkey ON ONLY millrace.job_history USING btree (finished_at, id, state)
PRIMARY KEY (id) BY CREATE UNIQUE INDEX job_pkey ON millrace.job USING btree (id)
PRIMARY KEY (job_id) BY CREATE UNIQUE INDEX job_progress_pkey ON millrace.job_progress USING btree (job_id)
CREATE UNIQUE INDEX job_unique ON millrace.job USING btree (queue, unique_key) WHERE (unique_key IS NOT NULL)
PRIMARY KEY (id) BY CREATE UNIQUE INDEX migration_pkey ON millrace.migration USING btree (id)
PRIMARY KEY (queue) BY CREATE UNIQUE INDEX queue_pause_pkey ON millrace.queue_pause USING btree (queue)
PRIMARY KEY (name, fire_time) BY CREATE UNIQUE INDEX schedule_fire_pkey ON millrace.schedule_fire USING btree (name, fire_time)
PRIMARY KEY (name) BY CREATE UNIQUE INDEX schedule_pkey ON millrace.schedule USING btree (name)
CREATE INDEX schedule_run_name ON millrace.schedule_run USING btree (name, asked_at)
PRIMARY KEY (job_id) BY CREATE UNIQUE INDEX schedule_run_pkey ON millrace.schedule_run USING btree (job_id)
PRIMARY KEY (no) BY CREATE UNIQUE INDEX worker_dead_pkey ON millrace.worker_dead USING btree (no)
CREATE INDEX worker_gone_at ON millrace.worker_gone USING btree (gone_at)
PRIMARY KEY (no) BY CREATE UNIQUE INDEX worker_pkey ON millrace.worker USING btree (no)
`
  .trim()
  .split('\n');
