import { parseArgs } from 'node:util';
import { peerNames } from './peer.ts';

export interface Arguments {
  readonly scenarios: readonly string[];
  /** `name`, for all configurations that belong to a scenario, or `name:config`. */
  readonly peers: readonly string[];
  readonly runs: number;
  readonly sizes: Readonly<Record<string, number>>;
  readonly variants: readonly string[] | undefined;
  readonly quick: boolean;
  readonly json: boolean;
  readonly save: boolean;
}

export const scenarioNames = [
  'insert-bulk',
  'insert-single',
  'throughput',
  'latency',
  'depth',
  'snapshot',
  'retry',
  'crash',
  'idle',
  'mixed',
  'late-commits',
  'notify',
  'payload',
  'memory',
  'steady',
  'telemetry',
] as const;

export const usage = `npm run bench -- --scenario NAME[,NAME] [options]

  --scenario    ${scenarioNames.join(', ')}
                or all
  --peers       ${peerNames.join(', ')};
                name:config for one configuration. Default: all
  --runs        rounds in which the peers take turns. Default 5
  --jobs        how many jobs, where a scenario has that size
  --size        name=number, any size of the scenario; may be repeated
  --processes   numbers of worker processes of the scenario throughput
  --variants    which variants to run, where a scenario has them
  --quick       sizes that take seconds, one round, millrace and raw-update
  --json        one line for each figure
  --save        writes results/NAME.json

DATABASE_URL names a server to use instead of an own one.`;

const defaultRuns = 5;
const quickPeers = 'millrace:default,raw-update:default';

/** Undefined when the usage is to be shown. */
export function readArguments(argv: string[]): Arguments | undefined {
  const { values } = parseArgs({
    args: argv,
    options: {
      scenario: { type: 'string', multiple: true },
      peers: { type: 'string' },
      runs: { type: 'string' },
      jobs: { type: 'string' },
      size: { type: 'string', multiple: true },
      processes: { type: 'string' },
      variants: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      save: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const { quick, json, save } = values;
  const named = (values.scenario ?? (quick ? ['all'] : [])).flatMap(list);
  if (values.help || named.length === 0) return undefined;
  const scenarios = named.includes('all') ? scenarioNames : named;
  const wrong = scenarios.find((name) => !(scenarioNames as readonly string[]).includes(name));
  if (wrong !== undefined) throw new Error(`There is no scenario ${wrong}.`);
  if (quick && save) throw new Error('Figures of quick runs are none to keep.');
  const sizes = (values.size ?? []).concat(values.jobs === undefined ? [] : `jobs=${values.jobs}`);
  return {
    scenarios,
    peers: list(values.peers ?? (quick ? quickPeers : peerNames.join(','))),
    runs: values.runs === undefined ? (quick ? 1 : defaultRuns) : numberOf(values.runs),
    sizes: Object.fromEntries(sizes.map(sizeOf)),
    variants: variantsOf(values),
    quick,
    json,
    save,
  };
}

function variantsOf(values: {
  readonly processes?: string | undefined;
  readonly variants?: string | undefined;
}): readonly string[] | undefined {
  if (values.processes !== undefined) return list(values.processes).map((each) => `p${each}`);
  return values.variants === undefined ? undefined : list(values.variants);
}

function list(text: string): string[] {
  return text.split(',').filter((part) => part !== '');
}

function sizeOf(text: string): readonly [string, number] {
  const [name = '', value = ''] = text.split('=');
  return [name, numberOf(value)];
}

function numberOf(text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (!(value > 0)) throw new Error(`${text} is not a number above zero.`);
  return value;
}
