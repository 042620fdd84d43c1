import { MillraceError } from './errors.ts';
import type { AnyJobDefinition } from './job-definition.ts';

/** @throws MILLRACE_OPTION_INVALID, MILLRACE_KIND_DUPLICATE */
export function jobsByKind(
  definitions: readonly AnyJobDefinition[],
): ReadonlyMap<string, AnyJobDefinition> {
  const jobs = new Map<string, AnyJobDefinition>();
  for (const definition of definitions) {
    if (definition?.settings === undefined) {
      throw new MillraceError(
        'MILLRACE_OPTION_INVALID',
        'createMillrace.jobs must be a list of what defineJob returned',
      );
    }
    if (jobs.has(definition.kind)) {
      throw new MillraceError(
        'MILLRACE_KIND_DUPLICATE',
        `two definitions have the kind '${definition.kind}'`,
      );
    }
    jobs.set(definition.kind, definition);
  }
  return jobs;
}
