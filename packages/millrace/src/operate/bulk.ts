import type { Emit } from '../core/events.ts';
import { isJobId } from '../core/job.ts';
import type { JobFilter, JobFinder, JobName } from '../core/operator/job-search.ts';
import type {
  JobCommand,
  JobOperator,
  VerbAnswer,
  VerbStatus,
} from '../core/operator/job-verbs.ts';
import type { BulkProgress, BulkResult } from '../core/operator/options.ts';
import { foretell } from './commands.ts';

/** What only looks locks nothing, and takes so many chunks at a time. */
const foretoldAtOnce = 10;

/** How long one look for the jobs of a chunk may take before progress is told. */
const lookMs = 1_000;

interface BulkParts {
  readonly finder: JobFinder;
  readonly operator: JobOperator;
  readonly emit: Emit;
}

interface Bulk {
  readonly command: JobCommand;
  /** Ids, or what the jobs have in common. */
  readonly wanted: readonly string[] | JobFilter;
  readonly dryRun: boolean;
  readonly chunk: number;
  readonly onProgress: (progress: BulkProgress) => void;
  readonly signal: AbortSignal | undefined;
}

/** Jobs to act on, and how much of everything has been looked at with them. */
interface Chunk {
  readonly ids: readonly string[];
  /** Where it is known. */
  readonly names: readonly JobName[];
  readonly share: number;
}

/**
 * Acts on one chunk after the other, each in a transaction of its own, so that nothing is locked for long and what is
 * done stays done. The search goes from the newest to the oldest, so a job that the verb leaves in place is not met again.
 */
export async function runBulk(parts: BulkParts, bulk: Bulk): Promise<BulkResult> {
  const { command, dryRun, onProgress, signal } = bulk;
  const counts: Partial<Record<VerbStatus, number>> = {};
  let matched = 0;
  const result = (complete: boolean) => ({ verb: command.verb, dryRun, matched, counts, complete });
  for await (const chunk of chunksOf(parts, bulk)) {
    const answers = dryRun ? foretold(chunk, command) : await act(parts, chunk, command);
    matched += answers.length;
    for (const { answer } of answers) counts[answer.status] = (counts[answer.status] ?? 0) + 1;
    onProgress({ matched, counts: { ...counts }, share: chunk.share, answers });
    if (signal?.aborted === true) return result(chunk.share >= 1);
  }
  return result(true);
}

type Answers = BulkProgress['answers'];

function foretold({ ids, names }: Chunk, { verb }: JobCommand): Answers {
  const states = new Map(names.map(({ id, state }) => [id, state]));
  return ids.map((id) => {
    const state = states.get(id);
    return { id, answer: state === undefined ? { status: 'missing' } : foretell(verb, state) };
  });
}

async function act({ operator, emit }: BulkParts, { ids }: Chunk, command: JobCommand) {
  if (ids.length === 0) return [];
  const known = ids.filter(isJobId);
  const given = await operator.act(command, known);
  const answers = new Map(known.map((id, index) => [id, given[index]]));
  return ids.map((id) => {
    const answer: VerbAnswer = answers.get(id) ?? { status: 'missing' };
    if (answer.status === 'requested') emit('job:cancel-requested', { id });
    return { id, answer };
  });
}

async function* chunksOf(parts: BulkParts, bulk: Bulk): AsyncGenerator<Chunk, void> {
  const { wanted, dryRun } = bulk;
  const limit = dryRun ? bulk.chunk * foretoldAtOnce : bulk.chunk;
  if (isList(wanted)) yield* chunksOfIds(parts, bulk, [...new Set(wanted)]);
  else {
    const newest = await parts.finder.newestId();
    for (let cursor: string | undefined; ;) {
      const page = await parts.finder.findNames(wanted, { limit, cursor, budgetMs: lookMs });
      const ids = page.jobs.map(({ id }) => id);
      cursor = page.cursor ?? undefined;
      const share = cursor === undefined ? 1 : shareOf(page.jobs.at(-1)?.id ?? cursor, newest);
      yield { ids, names: page.jobs, share };
      if (cursor === undefined) return;
    }
  }
}

async function* chunksOfIds(
  { finder }: BulkParts,
  { chunk, dryRun }: Bulk,
  all: readonly string[],
): AsyncGenerator<Chunk, void> {
  for (let start = 0; start < all.length; start += chunk) {
    const ids = all.slice(start, start + chunk);
    const names = dryRun ? await finder.namesOf(ids.filter(isJobId)) : [];
    yield { ids, names, share: Math.min(1, (start + chunk) / all.length) };
  }
}

function isList(wanted: Bulk['wanted']): wanted is readonly string[] {
  return Array.isArray(wanted);
}

/** How much of all ids lies above this one; in the order of finishing that is a guess. */
function shareOf(id: string, newest: string): number {
  const all = Number(newest);
  return all === 0 || !isJobId(id) ? 0 : Math.max(0, 1 - Number(id) / all);
}
