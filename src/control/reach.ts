// Whether any router can hear of routes at all: a route that nobody was told of is not announced, whatever torii wants. Pure.

import type { Family } from '../model/address.ts';
import type { PeerStatus, SpeakerConfig } from '../model/peer.ts';

const namedPeers = 4;

/** Why no router hears of routes of this family, in words; null while one established session carries them. */
export function unheardReason(speaker: SpeakerConfig | null, peers: readonly PeerStatus[], family: Family): string | null {
  if (speaker === null) return 'node.bgp is absent: no router learns of it';
  if (speaker.peers.length === 0) return 'node.bgp has no peers: no router learns of it';
  const established = peers.filter(({ state }) => state === 'established');
  if (established.some(({ families }) => families.includes(`ipv${family}`))) return null;
  if (established.length > 0) return `no BGP session carries IPv${family} routes`;
  const states = new Map(peers.map((peer) => [peer.address, peer]));
  const words = speaker.peers.slice(0, namedPeers).map(({ address }) => {
    const peer = states.get(address);
    const why = peer?.lastError?.text ?? '';
    return `peer ${address} ${peer?.state ?? 'idle'}${why === '' ? '' : ` (${why})`}`;
  });
  const more = speaker.peers.length - words.length;
  return `no BGP session: ${[...words, ...(more > 0 ? [`and ${more} more`] : [])].join(', ')}`;
}
