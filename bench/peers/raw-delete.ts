import type { Peer } from '../peer.ts';
import { rawChannel, rawPeer } from './raw.ts';

/** At most once: the limit of claiming at all. */
export const peer: Peer = {
  configs: { default: { about: 'claim = DELETE … RETURNING of 500, two loops, narrow table' } },
  lacks: ['crash', 'retry', 'mixed'],
  store: 'postgres',
  table: 'raw.job',
  channel: rawChannel,
  ...rawPeer(() => 'delete'),
};
