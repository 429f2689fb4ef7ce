// What a new document changes about BGP peers, in words: one line for each that comes or goes and for each of its settings.
//
// Whole lists side by side are cut where they begin to differ. Passwords are never among what is compared: peer-passwords.ts.
// Pure.

import type { PeerConfig } from '../model/peer.ts';
import { shownValue } from './shown-value.ts';

const place = 'node.bgp.peers';

export function peerChanges(old: readonly PeerConfig[], next: readonly PeerConfig[]): readonly string[] {
  const before = new Map(old.map((peer) => [peer.address, peer]));
  const wanted = new Set(next.map(({ address }) => address));
  return [
    ...old.filter(({ address }) => !wanted.has(address)).map(({ address }) => `${place}: ${address} removed`),
    ...next.flatMap((peer) => {
      const known = before.get(peer.address);
      return known === undefined ? [`${place}: ${peer.address} added, AS ${peer.as}`] : settingChanges(known, peer);
    }),
  ];
}

function settingChanges(old: PeerConfig, next: PeerConfig): readonly string[] {
  const [before, after] = [settingsOf(old), settingsOf(next)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => JSON.stringify(before.get(key)) !== JSON.stringify(after.get(key)))
    .map((key) => `${place}: ${next.address}: ${key} ${shownValue(before.get(key))} → ${shownValue(after.get(key))}`);
}

// As the document has them: the policy's keys beside the others.
function settingsOf({ policy, password: _secret, ...rest }: PeerConfig): ReadonlyMap<string, unknown> {
  return new Map<string, unknown>([...Object.entries(rest), ...Object.entries(policy)]);
}
