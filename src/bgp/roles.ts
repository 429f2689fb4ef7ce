// BGP roles and the Only To Customer attribute (RFC 9234): who is whose provider, and which routes must not go on.
//
// Roles say what each side is to the other. Both sides must fit, and the attribute keeps a route that came from a provider,
// peer or route server from leaving to another one. Pure.

import type { PeerRole } from '../model/peer.ts';
import type { Capability } from './capabilities.ts';

/** By wire value. */
export const roleNames: readonly PeerRole[] = ['provider', 'rs', 'rs-client', 'customer', 'peer'];

export function roleValue(role: PeerRole): number {
  return roleNames.indexOf(role);
}

const counterparts: Readonly<Record<PeerRole, PeerRole>> = {
  provider: 'customer',
  customer: 'provider',
  rs: 'rs-client',
  'rs-client': 'rs',
  peer: 'peer',
};

/**
 * What does not fit between our role and the one the peer claims, in words; undefined where it fits or where the peer claims
 * none. A peer that claims several different ones does not know what it is.
 */
export function roleMismatch(ours: PeerRole, theirs: readonly Capability[]): string | undefined {
  const claimed = [...new Set(theirs.flatMap((capability) => (capability.kind === 'role' ? [capability.role] : [])))];
  const wanted = counterparts[ours];
  if (claimed.every((role) => role === roleValue(wanted))) return undefined;
  const said = claimed.map((role) => roleNames[role] ?? `role ${role}`).join(' and ');
  return `expected ${wanted} since we are ${ours}, got ${said}`;
}

/** The attribute's value on routes that we originate towards a peer; undefined where it stays away (RFC 9234 5). */
export function onlyToCustomerSent(ours: PeerRole | undefined, localAs: number): number | undefined {
  return ours === 'provider' || ours === 'peer' || ours === 'rs' ? localAs : undefined;
}

/** Whether a route with this attribute was leaked to us by the peer (RFC 9234 5). */
export function isLeak(ours: PeerRole | undefined, onlyToCustomer: number | undefined, peerAs: number): boolean {
  if (onlyToCustomer === undefined) return false;
  if (ours === 'provider' || ours === 'rs') return true;
  return ours === 'peer' && onlyToCustomer !== peerAs;
}
