import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { openStorage } from '../helpers/storage.ts';
import { Place, situations } from '../helpers/why-situations.ts';
import { suspectSituations } from '../helpers/why-suspect-situations.ts';
import { versionSituations } from '../helpers/why-version-situations.ts';

const all = [...situations, ...suspectSituations, ...versionSituations];

let app: TestMillrace;
let storage: ReturnType<typeof openStorage>;
let no = 100;

beforeAll(async () => {
  app = await createTestMillrace();
  storage = openStorage(app.database.url);
});

afterAll(async () => {
  await storage.close();
  await app[Symbol.asyncDispose]();
});

const place = () => new Place((no += 1), storage, app.database);

describe('why a job is where it is', () => {
  it.each(all)('is said of one that is $name', async ({ arrange, ...expected }) => {
    const id = await arrange(place());
    const { code, sentence, evidence } = await app.millrace.why(id);
    expect({ code, sentence, evidence }).toEqual({
      code: expected.code,
      sentence: expect.stringMatching(expected.sentence) as string,
      evidence: expect.objectContaining(expected.evidence) as object,
    });
  });

  it('is said for every reason that there is', () => {
    // What is said where nothing can be counted has a test of its own.
    const codes = new Set([...all.map(({ code }) => code), 'uncounted']);
    expect(codes.size).toBe(21);
  });

  it('is not said of a job that there is not', async () => {
    for (const id of ['999999999', 'no id'])
      await expect(app.millrace.why(id)).rejects.toMatchObject({ code: 'MILLRACE_JOB_NOT_FOUND' });
  });

  it('reads a bounded number of jobs, and says so', async () => {
    const here = place();
    await here.worker();
    await app.database.query(
      `INSERT INTO millrace.job (run_at, scheduled_at, created_at, priority, max_attempts, queue, kind, payload)
       SELECT now() - interval '1 minute', now(), now(), 1 - n % 2, 5, $1, 'test', '{}' FROM generate_series(1, 5000) n`,
      [here.queue],
    );
    const { code, sentence, evidence } = await app.millrace.why(await here.job());
    expect({ code, evidence }).toMatchObject({ code: 'behind', evidence: { atLeast: true } });
    expect(sentence).toMatch(/at least 1000 jobs of higher priority and at least 1000 jobs due/);
  });
});
