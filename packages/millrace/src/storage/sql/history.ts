const columns = [
  'scheduled_at',
  'created_at',
  'claimed_at',
  'lease',
  'priority',
  'max_attempts',
  'attempt',
  'crashes',
  'queue',
  'kind',
  'gate_key',
  'unique_key',
  'payload_version',
  'meta',
  'policy',
  'payload',
] as const;

/** The columns that a finished job takes along into the history, those of `row` or by their names alone. */
export function movedColumns(row: string): string {
  return columns.map((column) => (row === '' ? column : `${row}.${column}`)).join(', ');
}
