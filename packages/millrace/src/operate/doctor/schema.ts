import { judgeOf } from './judge.ts';

export const schema = judgeOf(
  'schema',
  (facts) => facts.schema,
  (fault) =>
    fault === null
      ? []
      : [{ severity: 'problem', message: `${fault.code}: ${fault.message}.`, mend: fault.remedy }],
);
