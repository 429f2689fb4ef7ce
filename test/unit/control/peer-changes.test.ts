import { describe, expect, it } from 'vitest';
import { peerChanges } from '../../../src/control/peer-changes.ts';
import type { PeerConfig } from '../../../src/model/peer.ts';
import { peerConfig } from '../../support/peer-config.ts';

const peer = (n: number, more: Partial<PeerConfig> = {}): PeerConfig => peerConfig(`10.0.1.${n}`, more);

describe('a change of peers', () => {
  it('is told by peer and setting, however many there are', () => {
    const many = Array.from({ length: 12 }, (_, i) => peer(i + 1));
    const next = [
      ...many.slice(1, 11),
      peer(12, { holdTimeSec: 30, bfd: { intervalMs: 100, multiplier: 3 }, policy: { med: 7 } }),
      peer(13),
    ];
    expect(peerChanges(many, next)).toEqual([
      'node.bgp.peers: 10.0.1.1 removed',
      'node.bgp.peers: 10.0.1.12: holdTimeSec 9 → 30',
      'node.bgp.peers: 10.0.1.12: bfd nothing → {"intervalMs":100,"multiplier":3}',
      'node.bgp.peers: 10.0.1.12: med nothing → 7',
      'node.bgp.peers: 10.0.1.13 added, AS 65000',
    ]);
  });

  it('is none where only their order is another one, or their passwords are', () => {
    expect(peerChanges([peer(1), peer(2)], [peer(2), peer(1)])).toEqual([]);
    expect(peerChanges([peer(1, { password: 'hunter2' })], [peer(1, { password: 'hunter3' })])).toEqual([]);
  });
});
