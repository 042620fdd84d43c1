import type { Names } from '../names.ts';

/** What handlers say of how far their jobs have come, beside the rows of jobs, which no such word may touch. */
export function progress({ schema: s }: Names): string {
  return `
CREATE TABLE ${s}.job_progress (
  job_id      bigint PRIMARY KEY,
  attempt     smallint NOT NULL,
  percent     double precision NOT NULL,
  note        text,
  reported_at timestamptz NOT NULL
) WITH (fillfactor = 50);

COMMENT ON TABLE ${s}.job_progress IS 'What the handler of a job last said by progress(); it goes when the longest retention is over.';
`;
}
