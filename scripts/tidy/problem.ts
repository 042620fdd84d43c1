/** A repository as the rules see it: paths from its root, with `/` between, and what the files contain. */
export type Tree = ReadonlyMap<string, string>;

export interface Problem {
  readonly path: string;
  /** 0 when the whole file is meant. */
  readonly line: number;
  readonly message: string;
}
