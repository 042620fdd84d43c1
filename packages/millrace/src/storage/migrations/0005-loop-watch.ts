import type { Names } from '../names.ts';

/** While the event loop of a process stands still, another of its threads says so in the rows of its identities. */
export function loopWatch({ schema: s }: Names): string {
  return `
ALTER TABLE ${s}.worker ADD COLUMN blocked_since timestamptz, ADD COLUMN blocked_by bigint[];

COMMENT ON COLUMN ${s}.worker.blocked_by IS 'The jobs whose handlers ran when the event loop was last seen to stand still.';
`;
}
