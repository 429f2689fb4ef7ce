// A router as a document has it with nothing said but its address and AS.

import type { PeerConfig } from '../../src/model/peer.ts';

export const peerConfig = (address: string, settings: Partial<PeerConfig> = {}): PeerConfig => ({
  address,
  port: 179,
  as: 65000,
  passive: false,
  holdTimeSec: 9,
  connectRetrySec: 5,
  policy: {},
  ...settings,
});
