import { judgeOf } from './judge.ts';

export const home = judgeOf(
  'home',
  (facts) => facts.home,
  (homes) =>
    homes.map(({ name, mend }) => ({
      severity: 'problem',
      message: `The database was copied from ${name}: what waits or is scheduled there runs here as well. Stop the workers here and delete the jobs, unless the original is gone; then say that this is their home.`,
      mend,
    })),
);
