/** A worker process whose handler never ends. Arguments: the library, its database, and the database of Millrace. */
import { composeMillrace } from '../../packages/millrace/src/runtime.ts';
import { shrunk } from '../helpers/millrace.ts';
import { depositJob } from './deposit-job.ts';
import { libraries } from './libraries.ts';

const [name = '', libraryUrl = '', connection = ''] = process.argv.slice(2);
const library = await libraries[name]?.(libraryUrl);
if (library === undefined) throw new Error(`there is no library ${name}`);
const job = depositJob(library, async () => {
  process.send?.('written');
  await new Promise(() => {});
});
const millrace = composeMillrace({ connection, jobs: [job], logger: false }, shrunk);
await millrace.createWorker().start();
