import { createMillrace, cron, defineJob } from 'millrace';
import { z } from 'zod';

const nightlyReport = defineJob({
  kind: 'nightly-report',
  payload: z.object({ day: z.iso.date() }),
  schedule: {
    at: cron('30 2 * * *', { timeZone: 'Europe/Berlin' }),
    // The day that has just ended, whenever this job comes to run.
    payload: ({ fireTime }) => ({
      day: new Date(+fireTime - 86_400_000).toISOString().slice(0, 10),
    }),
    missed: 'once', // after an outage over night: one report, as soon as a scheduler is back
  },
  handler({ day }) {
    console.log(`report for ${day}`); // prints: report for 2026-01-31
  },
});

const millrace = createMillrace({ jobs: [nightlyReport] });
await millrace.migrate();
await using scheduler = millrace.createScheduler(); // run as many as you like: each fire time makes one job
await scheduler.start();
for (const { name, spec } of await millrace.schedules()) {
  console.log(name, spec); // prints: nightly-report cron 30 2 * * * Europe/Berlin
}

await millrace.enqueue(nightlyReport, { day: '2026-01-31' }); // by hand, for a day that is missing
await millrace.createWorker().run();
