/** Little of ours, so that no PGDATA, PGPORT or exotic locale of the developer's shell changes the server. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  const { PATH, TZ } = process.env;
  return { PATH, LC_ALL: 'C', ...(TZ === undefined ? {} : { TZ }) };
}
