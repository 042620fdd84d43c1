import type { Peer } from '../peer.ts';
import { rawChannel, rawPeer } from './raw.ts';

/** The reference: at least once. */
export const peer: Peer = {
  configs: {
    default: {
      about:
        'claim = UPDATE … RETURNING of 500, complete = DELETE … = ANY, two loops, narrow table, no history',
    },
  },
  lacks: ['crash'],
  store: 'postgres',
  table: 'raw.job',
  channel: rawChannel,
  ...rawPeer('update'),
};
