import { wholePage } from '../helpers/storage.ts';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verbs, type Picks, type Real, type Subject } from './storage-commands.ts';
import { stateName, StorageModel } from './storage-model.ts';

const workers = 2;
const usualRuns = 100;
/** Of many short runs and few long ones, the long ones meet more. */
const longestRun = 80;

/** One call of the storage with numbers drawn for it. */
class Command implements fc.AsyncCommand<StorageModel, Real> {
  readonly #verb: keyof typeof verbs;
  readonly #picks: Picks;

  constructor(verb: keyof typeof verbs, picks: Picks) {
    this.#verb = verb;
    this.#picks = picks;
  }

  check(): boolean {
    return true;
  }

  async run(model: StorageModel, real: Real): Promise<void> {
    await verbs[this.#verb](model, real, this.#picks);
    await expectAgreement(model, real);
  }

  toString(): string {
    return `${this.#verb}(${this.#picks.join(', ')})`;
  }
}

/** Every row, as users see it, and by the leases that hold. */
async function expectAgreement(model: StorageModel, { others, queue }: Real): Promise<void> {
  const jobs = [...model.jobs.values()];
  const leases = model.leases.map(({ id, lease }) => ({ id, lease: String(lease) }));
  const [page, held] = await Promise.all([
    others.finder.find({ queue }, wholePage(1_000)),
    others.session().holds(leases),
  ]);
  expect(
    page.jobs.map(({ id, state, attempt, maxAttempts, crashes, cancelRequested }) => ({
      id,
      state,
      attempt,
      maxAttempts,
      crashes,
      cancelRequested,
    })),
  ).toEqual(
    jobs
      .toSorted((a, b) => Number(b.id) - Number(a.id))
      .map((job) => ({
        id: job.id,
        state: stateName(job),
        attempt: job.attempt,
        maxAttempts: job.maxAttempts,
        crashes: job.crashes,
        cancelRequested: job.cancelRequested,
      })),
  );
  const running = jobs.filter(({ state }) => state === 'running').map(({ id }) => id);
  expect(held.toSorted()).toEqual(running.toSorted());
}

/** What the attempts of each job came to. */
async function expectEndings(model: StorageModel, { others }: Real): Promise<void> {
  for (const { id, endings } of model.jobs.values()) {
    const job = await others.get(id, 100);
    expect(job?.attempts.map(({ ending }) => ending)).toEqual(endings.map(({ ending }) => ending));
  }
}

/** Nothing of a run may be left that another one could meet. */
async function cleanUp({ others, release }: Real): Promise<void> {
  await release?.();
  const session = others.session();
  const { sightings } = await session.look();
  for (const { no } of sightings) await session.unregister(no);
  await session.rescue();
}

/**
 * What every storage must do: random calls of all its verbs, after each of which it and the model agree about every row.
 * More runs with MILLRACE_MODEL_RUNS; the seed that a failure prints goes into MILLRACE_MODEL_SEED.
 */
export function storageSuite(
  name: string,
  open: (workers: number) => Promise<Subject & AsyncDisposable>,
): void {
  describe(`the storage on ${name}`, () => {
    let subject: Subject & AsyncDisposable;
    let runs = 0;
    let no = 1_000;

    beforeAll(async () => {
      subject = await open(workers);
    });
    afterAll(() => subject[Symbol.asyncDispose]());

    it('G2, G3, G7, G9: after every call, whatever came before, it holds what the model of the protocol holds', async () => {
      const picks = fc.tuple(fc.nat(1_000), fc.nat(1_000), fc.nat(1_000));
      const names = Object.keys(verbs) as (keyof typeof verbs)[];
      // Of what other calls need to come before them, there is more.
      const usual = [
        'enqueue',
        'register',
        'claim',
        'claim',
        'settle',
        'declareDead',
        'rescue',
      ] as const;
      const commands = [...names, ...usual].map((verb) =>
        picks.map((drawn) => new Command(verb, drawn)),
      );
      const seed = Number(process.env['MILLRACE_MODEL_SEED'] ?? 1);
      const numRuns = Number(process.env['MILLRACE_MODEL_RUNS'] ?? usualRuns);
      await fc.assert(
        fc.asyncProperty(
          fc.commands(commands, { maxCommands: longestRun, size: 'max' }),
          async (calls) => {
            const model = new StorageModel(workers);
            const real: Real = {
              workers: subject.workers,
              others: subject.others,
              hold: (id) => subject.hold(id),
              queue: `run ${++runs}`,
              release: undefined,
              freshNo: () => ++no,
            };
            try {
              for (const index of model.workers.keys())
                await verbs.register(model, real, [index, 1, 0]);
              await verbs.enqueue(model, real, [1, 0, 1]);
              await fc.asyncModelRun(() => ({ model, real }), calls);
              await expectEndings(model, real);
            } finally {
              await cleanUp(real);
            }
          },
        ),
        { numRuns, seed },
      );
      console.log(`the storage on ${name}: ${runs} runs from the seed ${seed}`);
    }, 3_600_000);
  });
}
