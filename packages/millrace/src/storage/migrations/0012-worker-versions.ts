import type { Names } from '../names.ts';

/** Whoever looks at a job of a newer payload version is to know who would take it. */
export function workerVersions({ schema: s }: Names): string {
  return `
ALTER TABLE ${s}.worker ADD COLUMN versions int[];

COMMENT ON COLUMN ${s}.worker.versions IS 'The newest payload version that it knows of each of its kinds; null: it takes any.';
`;
}
