import type { Clause, TestName } from './clause.ts';

const ofMoved: TestName = {
  file: 'test/integration/progress.test.ts',
  name: 'of a job that has moved on is not written',
};

/** What keeps words of progress from being taken for those of another attempt, or from holding up the others. */
export const progress: Readonly<Record<string, readonly Clause[]>> = {
  reportProgress: [
    {
      clause: 'AND j.lease = i.lease',
      becomes: '',
      breaks: 'a late worker says how far the attempt of another has come',
      test: ofMoved,
    },
    {
      clause: 'AND j.state = 1',
      becomes: '',
      breaks: 'only the forgotten lease keeps a waiting job from making progress',
      test: ofMoved,
    },
    {
      clause: 'FOR UPDATE SKIP LOCKED',
      becomes: 'FOR UPDATE',
      breaks: 'claims and settlements wait behind a row that somebody holds',
      test: ofMoved,
    },
  ],
};
