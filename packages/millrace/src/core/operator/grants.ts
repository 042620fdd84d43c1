/** What roles of the database are for, by their names. A role may be for several things. */
export interface Grants {
  /** They enqueue. They can read and change no job. */
  readonly producer?: readonly string[];
  /** They run jobs, fire schedules, keep house and operate, without owning anything. */
  readonly worker?: readonly string[];
  /** They look at the views `jobs`, `history`, `queues`, `schedules` and `workers`; payloads and results are redacted. */
  readonly reader?: readonly string[];
}
