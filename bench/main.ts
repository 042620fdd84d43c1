/** Measures peers beside each other: in rounds, in each of which every peer has its turn. */
import { readArguments, usage, type Arguments } from './arguments.ts';
import { Bench, type Metrics, type Scenario } from './bench.ts';
import { figures, textTable, type Measured } from './figures.ts';
import { calibrationMs, commit, machine, versions } from './machine.ts';
import { loadPeer, type Peer, type Place } from './peer.ts';
import { saveResult, type Result } from './results.ts';
import { openRedis, redisVersion, Server, type Store } from './store.ts';

/** One configuration of one peer. */
interface Contender {
  readonly peerName: string;
  readonly peer: Peer;
  readonly config: string;
}

const redis = redisVersion();
let failures = 0;

const wanted = readArguments(process.argv.slice(2));
if (wanted === undefined) console.log(usage);
else await main(wanted);

async function main(options: Arguments): Promise<void> {
  await using server = await Server.start(process.env['DATABASE_URL']);
  for (const name of options.scenarios) {
    const file = new URL(`scenarios/${name}.ts`, import.meta.url).href;
    const { scenario } = (await import(file)) as { scenario: Scenario };
    const result = await measure(name, scenario, options, server);
    print(result, options);
    if (options.save) console.error(`Saved as ${saveResult(result)}.`);
  }
  if (failures > 0) process.exitCode = 1;
}

function print(result: Result, { json }: Arguments): void {
  if (json) {
    for (const figure of result.figures) console.log(JSON.stringify(figure));
    return;
  }
  const facts = { ...result.machine, ...result.versions, commit: result.commit, ...result.sizes };
  console.log(`\n${result.scenario}: ${result.about}`);
  console.log(
    Object.entries(facts)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  );
  console.log(textTable(result.figures));
}

async function measure(
  name: string,
  scenario: Scenario,
  options: Arguments,
  server: Server,
): Promise<Result> {
  const contenders = await contendersOf(
    name,
    options.peers.filter((peer) => scenario.peers?.includes(peer.split(':')[0] ?? '') ?? true),
  );
  const sizes = sizesOf(scenario, options);
  const measured: Measured[] = [];
  for (let round = 0; round < options.runs; round++) {
    for (const contender of contenders) {
      const metrics = await turn(name, scenario, contender, sizes, options, server);
      measured.push({ peer: contender.peerName, config: contender.config, round, metrics });
    }
  }
  return {
    scenario: name,
    about: scenario.about,
    charts: scenario.charts,
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    machine: machine(),
    versions: versions(server.version, redis),
    sizes,
    configs: Object.fromEntries(
      contenders.map(({ peerName, peer, config }) => [
        `${peerName}:${config}`,
        peer.configs[config]?.about ?? '',
      ]),
    ),
    figures: figures(name, measured),
  };
}

function sizesOf({ sizes, quick }: Scenario, options: Arguments): Record<string, number> {
  const given = Object.entries(options.sizes).filter(([size]) => size in sizes);
  return { ...(options.quick ? quick : sizes), ...Object.fromEntries(given) };
}

async function contendersOf(scenario: string, names: readonly string[]): Promise<Contender[]> {
  const contenders: Contender[] = [];
  for (const wantedPeer of names) {
    const [peerName = '', only] = wantedPeer.split(':');
    const peer = await loadPeer(peerName).catch((cause: unknown) => {
      throw new Error(`${peerName} cannot be loaded; try npm ci --ignore-scripts --prefix bench`, {
        cause,
      });
    });
    if (only !== undefined && peer.configs[only] === undefined)
      throw new Error(`${peerName} has no configuration ${only}.`);
    if (peer.lacks?.includes(scenario) === true) continue;
    if (peer.store === 'redis' && redis === undefined) {
      console.error(`${peerName} is left out: there is no redis-server.`);
      continue;
    }
    const configs = Object.entries(peer.configs)
      .filter(([, config]) => only !== undefined || (config.only?.includes(scenario) ?? true))
      .map(([config]) => config)
      .filter((config) => only === undefined || config === only);
    contenders.push(...configs.map((config) => ({ peerName, peer, config })));
  }
  return contenders;
}

/** Those that were asked for, where the scenario has any of them. */
function variantsOf({ variants = [''] }: Scenario, options: Arguments): readonly string[] {
  const chosen = variants.filter((variant) => options.variants?.includes(variant));
  return chosen.length > 0 ? chosen : variants;
}

/** All variants of a scenario for one contender. One that fails is reported, and the others go on. */
async function turn(
  name: string,
  scenario: Scenario,
  contender: Contender,
  sizes: Record<string, number>,
  options: Arguments,
  server: Server,
): Promise<Metrics> {
  const { peerName, peer, config } = contender;
  const has = (variant: string) => peer.lacks?.includes(`${name}.${variant}`) !== true;
  const variants = variantsOf(scenario, options).filter(has);
  const all: Record<string, number> = {};
  for (const variant of variants) {
    const what = [name, variant, peerName, config].filter((part) => part !== '').join(' ');
    console.error(what);
    try {
      const metrics = await run(scenario, contender, sizes, variant, server);
      const prefix = variant === '' ? '' : `${variant}.`;
      for (const [metric, value] of Object.entries(metrics)) all[`${prefix}${metric}`] = value;
    } catch (error) {
      failures += 1;
      console.error(`${what} failed:`, error);
    }
  }
  return all;
}

async function run(
  scenario: Scenario,
  { peerName, peer, config }: Contender,
  sizes: Record<string, number>,
  variant: string,
  server: Server,
): Promise<Metrics> {
  await using store = await open(peer, config, server);
  const { queues = ['default'], irregular = false } = scenario;
  const place: Place = { url: store.url, config, queues, irregular };
  await peer.prepare(place);
  const calibration = calibrationMs();
  const metrics = await scenario.run(new Bench({ peerName, peer, place, store }), sizes, variant);
  return { ...metrics, calibration_ms: calibration };
}

function open(peer: Peer, config: string, server: Server): Promise<Store> {
  return peer.store === 'redis'
    ? openRedis(config === 'always' ? 'always' : 'memory')
    : server.open();
}
