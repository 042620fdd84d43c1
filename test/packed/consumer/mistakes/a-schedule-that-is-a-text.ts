import { defineJob } from 'millrace';

// says: is not assignable to type 'FireTimes
defineJob({ kind: 'report', schedule: '0 3 * * *' });
