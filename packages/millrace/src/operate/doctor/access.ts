import { judgeOf } from './judge.ts';

export const rowSecurity = judgeOf(
  'row-security',
  (facts) => facts.rowSecurity,
  (tables) =>
    tables.map(({ name, mend }) => ({
      severity: 'problem',
      message: `Row level security hides rows of ${name} from this role: claims come back empty without an error.`,
      mend,
    })),
);

export const privileges = judgeOf(
  'privileges',
  (facts) => facts.privileges,
  (lacking) =>
    lacking.map(({ name, mend }) => ({
      severity: 'problem',
      message: `This role lacks a privilege that a worker needs on ${name}.`,
      mend,
    })),
);
