import { createMillrace, defineJob, fixed } from 'millrace';
import { z } from 'zod';

export const packOrder = defineJob({
  kind: 'pack-order',
  payload: z.object({ item: z.string() }),
  retry: fixed('1s'),
  async handler({ item }, { attempt }) {
    if (attempt === 1) throw new Error(`there is no box for the ${item}`);
    return `${item} is packed`;
  },
});

export default createMillrace({ jobs: [packOrder] });
