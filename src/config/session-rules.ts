// Rules of one BGP session between a peer's own keys and the node's: what can never work, and what may not. Pure.

import { addressBytes, familyOf, isLinkLocal, parseScopedAddress, zoneOf } from '../model/address.ts';
import type { Path } from './problem.ts';
import type { Report } from './report.ts';
import type { Document, DocumentPeer } from './schema.ts';

type DocumentNode = Document['node'];

export function checkSession(peer: DocumentPeer, node: DocumentNode, path: Path, report: Report): void {
  checkHosts(peer, path, report);
  checkDevice(peer, path, report);
  checkPolicy(peer, node.bgp?.localAs, path, report);
  checkFamilies(peer, node, path, report);
  if (peer.role !== undefined && peer.as === node.bgp?.localAs) {
    report.problem([...path, 'role'], 'no role, since the peer is of the own AS');
  }
}

// The kernel takes a call to 0.0.0.0 for one to itself.
function checkHosts(peer: DocumentPeer, path: Path, report: Report): void {
  for (const key of ['address', 'localAddress'] as const) {
    const address = parseScopedAddress(peer[key] ?? '');
    if (address !== undefined && !isHost(address)) report.problem([...path, key], 'the address of one host');
  }
}

/** Not unspecified, multicast or reserved. Loopback and link-local addresses are hosts', too. */
function isHost(address: string): boolean {
  const bytes = addressBytes(address);
  if (familyOf(address) === 6) return bytes[0] !== 0xff && bytes.some((byte) => byte !== 0);
  const [first = 0] = bytes.subarray(12);
  return first > 0 && first < 224;
}

function checkPolicy({ as, localPref, prepend }: DocumentPeer, localAs: number | undefined, path: Path, report: Report): void {
  if (localPref !== undefined && as !== localAs) {
    report.warn([...path, 'localPref'], 'has no effect, since local preference is told within an AS alone');
  }
  if (prepend !== undefined && as === localAs) {
    report.warn([...path, 'prepend'], 'has no effect, since the own AS is prepended towards other ASes alone');
  }
}

function checkDevice({ address, localAddress = '' }: DocumentPeer, path: Path, report: Report): void {
  if (!isLinkLocal(localAddress) || !isLinkLocal(address) || zoneOf(localAddress) === zoneOf(address)) return;
  report.problem([...path, 'localAddress'], `an address on ${zoneOf(address)}, as the peer's own`);
}

function checkFamilies({ address, families }: DocumentPeer, node: DocumentNode, path: Path, report: Report): void {
  if (families === undefined) return;
  const place = [...path, 'families'];
  if (new Set(families).size !== families.length) report.problem(place, 'each family once');
  if (familyOf(address) === 4 && families.includes('ipv6') && node.address6 === undefined) {
    report.problem(place, 'no ipv6, since node.address6, the next hop of IPv6 routes on a session over IPv4, is absent');
  }
  if (familyOf(address) === 6 && families.includes('ipv4') && node.address === undefined) {
    report.warn(
      place,
      'node.address is absent, so IPv4 routes are announced only if the router takes IPv6 next hops for them (RFC 8950)',
    );
  }
}
