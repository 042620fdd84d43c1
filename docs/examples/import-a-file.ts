import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createMillrace, defineJob, type JobRequest } from 'millrace';
import { z } from 'zod';

const importRow = defineJob({
  kind: 'import-row',
  payload: z.object({ line: z.number(), name: z.string(), price: z.coerce.number().positive() }),
  transaction: true, // the row and the job's completion commit together: no line is imported twice
  async handler({ line, name, price }, { tx }) {
    await tx.query('INSERT INTO products (line, name, price) VALUES ($1, $2, $3)', [
      line,
      name,
      price,
    ]);
  },
});

/** One job for each line. The file is read as fast as the database takes the jobs, in bounded memory. */
async function* rowsOf(file: string): AsyncGenerator<JobRequest> {
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(file) })) {
    line += 1;
    const [name = '', price = ''] = text.split(';');
    if (line > 1) yield importRow.with({ line, name, price }, { tags: [`import:${file}`] });
  }
}

const millrace = createMillrace({ jobs: [importRow] });
await millrace.migrate();
await millrace.transaction((tx) =>
  tx.query('CREATE TABLE IF NOT EXISTS products (line int, name text, price numeric)'),
);
const file = new URL('products.csv', import.meta.url).pathname;
const enqueued = await millrace.enqueueMany(rowsOf(file)); // all lines or none
console.log(`${enqueued.length} lines wait`); // prints: 3 lines wait

let done = 0;
millrace.subscribe(({ name, data }) => {
  if (name === 'attempt:finished' && data.state === 'completed') done += 1;
  if (done === enqueued.length) console.log('imported'); // prints: imported
});
await millrace.createWorker({ concurrency: 4 }).run();
