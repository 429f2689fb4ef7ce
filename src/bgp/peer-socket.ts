// What the document asks of a peer's TCP connections, as the numbers that sockets have. Pure.

import type { PeerConfig } from '../model/peer.ts';
import { sendHoldMs } from './backoff.ts';
import type { PeerSocket } from './transport.ts';

const maxTtl = 255;
/** eBGP without multihop stays on the own link: whoever is further away has another reason, or no business, to answer. */
const externalTtl = 1;
const internalTtl = 64;

export function peerSocket(peer: PeerConfig, localAs: number): PeerSocket {
  const { address, as, password, ttlSecurity, multihop, holdTimeSec } = peer;
  return {
    address,
    password,
    ttl: ttlSecurity === undefined ? (multihop ?? (as === localAs ? internalTtl : externalTtl)) : maxTtl,
    // RFC 5082 3: sent with 255 and one less by each router, so one hop away means 255.
    minTtl: ttlSecurity === undefined ? 0 : maxTtl + 1 - ttlSecurity,
    userTimeoutMs: sendHoldMs(holdTimeSec),
  };
}
