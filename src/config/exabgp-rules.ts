// What `speaker: exabgp` cannot do of what a document may say of BGP: a problem for each, never silence. Pure.

import { familyOf, isLinkLocal } from '../model/address.ts';
import type { Path } from './problem.ts';
import type { Report } from './report.ts';
import type { Document, DocumentPeer } from './schema.ts';

const bgpPath: Path = ['node', 'bgp'];

export function checkExabgp({ node }: Document, report: Report): void {
  if (node.bgp === undefined) return;
  const { listen, peers } = node.bgp;
  if (listen !== undefined) report.problem([...bgpPath, 'listen'], 'nothing, since with speaker: exabgp nobody can call here');
  for (const [i, peer] of peers.entries()) checkPeer(peer, node.address, [...bgpPath, 'peers', i], report);
}

function checkPeer(peer: DocumentPeer, nodeAddress: string | undefined, path: Path, report: Report): void {
  const { address, passive, bfd, role, accept, ttlSecurity, families = [] } = peer;
  const refuse = (key: string, expected: string) => report.problem([...path, key], `${expected} (speaker: exabgp)`);
  if (isLinkLocal(address)) refuse('address', 'an address that is not link-local: ExaBGP cannot name a device');
  if (passive) refuse('passive', 'false: nobody can call here');
  if (bfd !== undefined) refuse('bfd', 'no bfd: ExaBGP has none, and a daemon of its own would have to speak it');
  if (role !== undefined) refuse('role', 'no role: ExaBGP has none');
  if (accept !== undefined) refuse('accept', 'no accept: what ExaBGP receives is not shown');
  if (ttlSecurity !== undefined) {
    refuse('ttlSecurity', 'no ttlSecurity: ExaBGP checks no TTL on calls it makes; multihop: 255 satisfies a router that does');
  }
  if (familyOf(address) === 6 && families.includes('ipv4') && nodeAddress === undefined) {
    refuse('families', 'no ipv4, since node.address, the next hop of IPv4 routes, is absent');
  }
}
