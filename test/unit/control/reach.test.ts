import { describe, expect, it } from 'vitest';
import { unheardReason } from '../../../src/control/reach.ts';
import type { PeerStatus, SpeakerConfig } from '../../../src/model/peer.ts';
import { peerConfig } from '../../support/peer-config.ts';

const speaker = (...addresses: readonly string[]): SpeakerConfig => ({
  localAs: 65010,
  routerId: '10.0.1.11',
  drainSec: 5,
  peers: addresses.map((each) => peerConfig(each)),
});
const status = (address: string, state: PeerStatus['state'], text = ''): PeerStatus =>
  ({
    address,
    as: 65000,
    state,
    families: ['ipv4'],
    lastError: text === '' ? null : { direction: 'local', code: 0, subcode: 0, text, at: '' },
  }) as Partial<PeerStatus> as PeerStatus;

describe('routes that no router hears of', () => {
  it('are told by what is missing in the document', () => {
    expect(unheardReason(null, [], 4)).toBe('node.bgp is absent: no router learns of it');
    expect(unheardReason(speaker(), [], 4)).toBe('node.bgp has no peers: no router learns of it');
  });

  it('are told by the state of the peers, and why', () => {
    const peers = [status('10.0.1.1', 'active', 'connection refused')];
    expect(unheardReason(speaker('10.0.1.1', '10.0.1.2'), peers, 4)).toBe(
      'no BGP session: peer 10.0.1.1 active (connection refused), peer 10.0.1.2 idle',
    );
  });

  it('are none while one session is established', () => {
    const peers = [status('10.0.1.1', 'active'), status('10.0.1.2', 'established')];
    expect(unheardReason(speaker('10.0.1.1', '10.0.1.2'), peers, 4)).toBeNull();
  });

  it('are those of a family that no established session carries', () => {
    const peers = [status('10.0.1.1', 'established')];
    expect(unheardReason(speaker('10.0.1.1'), peers, 6)).toBe('no BGP session carries IPv6 routes');
  });
});
