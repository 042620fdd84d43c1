/**
 * A process that starts a database and then does as it is told; tests end it in all the ways in which a process ends.
 * `argv`: the module to load, the options as JSON, and `leave` to end without `stop()`.
 */
const [, , moduleUrl = '', options = '{}', then] = process.argv;
const { startDevDatabase } = (await import(moduleUrl)) as typeof import('@millrace/dev-db');

try {
  const database = await startDevDatabase(JSON.parse(options) as object);
  const { url, pid, dataDir, socketDir, attached } = database;
  if (then !== 'leave') {
    // Ctrl-C ends the owner only when the test asks for it, so that the server can be seen to outlive the signal.
    process.on('SIGINT', () => process.stdout.write('interrupted\n'));
    process.once('SIGTERM', () => void database.stop().then(() => process.exit(0)));
    setInterval(() => {}, 60_000);
  }
  process.stdout.write(`${JSON.stringify({ url, pid, dataDir, socketDir, attached })}\n`);
} catch (error) {
  process.stdout.write(`${JSON.stringify({ error: String(error) })}\n`);
}
