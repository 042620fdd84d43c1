import { expect, it } from 'vitest';
import { defineJob } from 'millrace';
import { createTestMillrace } from '../helpers/millrace.ts';

const sourced = defineJob({ kind: 'sourced' });

it('closes what the jobs come from, also when they cannot be stored, and reads it when no statement of ours is under way', async () => {
  await using app = await createTestMillrace({ jobs: [sourced] });
  let closed = 0;
  let underWay = 0;
  async function* source(cut: () => Promise<unknown>) {
    try {
      for (let index = 0; index < 3_500; index++) {
        expect(underWay).toBe(0);
        if (index === 1_500) await cut();
        yield sourced.with({});
      }
    } finally {
      closed += 1;
    }
  }
  const enqueueing = (timeout: string) =>
    app.millrace.transaction((inner) => {
      const query = (text: string, values?: unknown[]) => {
        underWay += 1;
        return inner.query(text, values).finally(() => (underWay -= 1));
      };
      const cut = () => query(`SET LOCAL statement_timeout = '${timeout}'`);
      return app.millrace.enqueueMany(source(cut), { tx: { query } as never });
    });
  expect(await enqueueing('1min')).toHaveLength(3_500);
  await expect(enqueueing('1ms')).rejects.toMatchObject({ code: '57014' });
  expect(closed).toBe(2);
});
