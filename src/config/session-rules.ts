// Rules of one BGP session between a peer's own keys and the node's: what can never work, and what may not. Pure.

import { familyOf, isLinkLocal, zoneOf } from '../model/address.ts';
import type { Path } from './problem.ts';
import type { Report } from './report.ts';
import type { Document, DocumentPeer } from './schema.ts';

type DocumentNode = Document['node'];

export function checkSession(peer: DocumentPeer, node: DocumentNode, path: Path, report: Report): void {
  checkDevice(peer, path, report);
  checkFamilies(peer, node, path, report);
  if (peer.role !== undefined && peer.as === node.bgp?.localAs) {
    report.problem([...path, 'role'], 'no role, since the peer is of the own AS');
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
