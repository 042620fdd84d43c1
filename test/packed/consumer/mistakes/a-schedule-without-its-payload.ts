import { defineJob, every } from 'millrace';
import { z } from 'zod';

// says: ScheduleWithPayload<{ day: string; }>
defineJob({
  kind: 'report',
  payload: z.object({ day: z.string() }),
  schedule: { at: every('1d') },
});
