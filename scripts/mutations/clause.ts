/** What a mutation is, and the tests that notice more than one. */
export interface Clause {
  /** Text that occurs once in the statement, and what stands there instead. */
  readonly clause: string;
  readonly becomes: string;
  /** What happens without it. */
  readonly breaks: string;
  readonly test: TestName;
}

/** A test by its file and a part of its name. */
export interface TestName {
  readonly file: string;
  readonly name: string;
}

export const model: TestName = {
  file: 'test/model/storage.test.ts',
  name: 'it holds what the model of the protocol holds',
};
export const fences = (name: string): TestName => ({
  file: 'test/integration/fences.test.ts',
  name,
});
export const storage = (name: string): TestName => ({
  file: 'test/integration/storage.test.ts',
  name,
});
