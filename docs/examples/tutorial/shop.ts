import millrace, { packOrder } from './millrace.config.ts';

await millrace.migrate();
await millrace.transaction(async (tx) => {
  await tx.query('CREATE TABLE IF NOT EXISTS orders (item text NOT NULL)');
  await tx.query('INSERT INTO orders (item) VALUES ($1)', ['lamp']);
  const { id } = await millrace.enqueue(packOrder, { item: 'lamp' }, { tx });
  console.log(`order and job ${id}, or neither of them`);
});
await millrace.close();
