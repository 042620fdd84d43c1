import type { Peer } from '../peer.ts';
import { rawChannel, rawPeer } from './raw.ts';

/** The reference: at least once. */
export const peer: Peer = {
  configs: {
    default: {
      about:
        'claim = UPDATE … RETURNING of 500, complete = DELETE … = ANY, two loops, narrow table, no history',
    },
    array: {
      about:
        'the same, but the claim finds its rows by = ANY (ARRAY(…)), whose plan statistics cannot spoil',
      only: ['throughput', 'depth', 'snapshot', 'steady'],
    },
  },
  lacks: ['crash'],
  store: 'postgres',
  table: 'raw.job',
  channel: rawChannel,
  ...rawPeer(({ config }) => (config === 'array' ? 'array' : 'update')),
};
