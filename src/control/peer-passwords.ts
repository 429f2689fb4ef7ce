// Passwords of BGP peers on their way from their secrets to the speaker. They stay beside the Config and never in it, so that
// no view, list of changes or saved document can show one. Runs in the config worker.

import type { Config, NodeConfig } from '../config/config.ts';
import type { Path } from '../config/problem.ts';
import { passwordPlace, readPassword } from '../config/secrets.ts';

/** By the peer's address. */
export type PeerPasswords = ReadonlyMap<string, string>;

/** Throws secret_unreadable or config_invalid, as readPassword does. `placeOf`: "torii.yaml:7". */
export function readPeerPasswords({ node }: Config, env: NodeJS.ProcessEnv, placeOf: (path: Path) => string): PeerPasswords {
  return new Map(node.peerPasswords.map((password) => [password.peer, readPassword(passwordPlace(password, placeOf), env)]));
}

/** What main is told of the node. Nowhere else do both meet. */
export function withPasswords(node: NodeConfig, passwords: PeerPasswords): NodeConfig {
  if (node.speaker === null || passwords.size === 0) return node;
  const peers = node.speaker.peers.map((peer) => {
    const password = passwords.get(peer.address);
    return password === undefined ? peer : { ...peer, password };
  });
  return { ...node, speaker: { ...node.speaker, peers } };
}

/** In words, without the passwords. */
export function passwordChanges(old: PeerPasswords, next: PeerPasswords): readonly string[] {
  const peers = [...new Set([...old.keys(), ...next.keys()])].filter((peer) => old.get(peer) !== next.get(peer));
  return peers.map((peer) => {
    const verb = old.has(peer) ? (next.has(peer) ? 'changed' : 'removed') : 'added';
    return `node.bgp.peers: password of ${peer} ${verb}`;
  });
}

export function isSamePasswords(a: PeerPasswords, b: PeerPasswords): boolean {
  return passwordChanges(a, b).length === 0;
}
