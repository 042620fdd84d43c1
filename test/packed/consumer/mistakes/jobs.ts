import { createMillrace, defineJob } from 'millrace';
import { z } from 'zod';

export const sendMail = defineJob({
  kind: 'send-mail',
  payload: z.object({ to: z.string(), lines: z.array(z.string()) }),
});
export const clean = defineJob({ kind: 'clean' });
export const millrace = createMillrace({ jobs: [sendMail, clean] });
