// Orders to ExaBGP, a line each, as its API takes them (ExaBGP 4.2, text commands). Pure.
//
// Attributes and next hop are always written out: what ExaBGP would fill in by itself is nobody's guess then, and an AS path
// that is written out goes out as it stands.

import { withoutZone } from '../model/address.ts';
import type { FamilyName } from './families.ts';
import type { NextHop } from './next-hops.ts';
import type { PathAttributes } from './path-attributes.ts';

/** Prefixes in one order: with IPv6 this is about 20 kB, which ExaBGP takes in two reads. */
export const prefixesPerOrder = 500;

export interface Announcement {
  readonly peer: string;
  readonly attributes: PathAttributes;
  readonly nextHop: NextHop;
  readonly prefixes: readonly string[];
}

export function announceOrder({ peer, attributes, nextHop, prefixes }: Announcement): string {
  const { asPath = [], med, localPref, communities, largeCommunities } = attributes;
  const words = [
    `next-hop ${hopText(nextHop)}`,
    'origin igp',
    `as-path [ ${asPath.flatMap(({ ases }) => ases).join(' ')} ]`,
    ...(med === undefined ? [] : [`med ${med}`]),
    ...(localPref === undefined ? [] : [`local-preference ${localPref}`]),
    ...(communities === undefined ? [] : [`community [ ${communities.join(' ')} ]`]),
    ...(largeCommunities === undefined ? [] : [`large-community [ ${largeCommunities.join(' ')} ]`]),
  ];
  return order(peer, `announce attributes ${words.join(' ')} nlri ${prefixes.join(' ')}`);
}

export function withdrawOrder({ peer, nextHop, prefixes }: Omit<Announcement, 'attributes'>): string {
  return order(peer, `withdraw attributes next-hop ${hopText(nextHop)} nlri ${prefixes.join(' ')}`);
}

export function endOfRibOrder(peer: string, family: FamilyName): string {
  return order(peer, `announce eor ${family} unicast`);
}

/** Ends the session with CEASE and this subcode; ExaBGP dials again at once. */
export function ceaseOrder(peer: string, subcode: number): string {
  return order(peer, `teardown ${subcode}`);
}

/** Answered with a line of its own before "done", so that it shows which orders before it got no answer. */
export const probeOrder = 'version';

function order(peer: string, words: string): string {
  return `neighbor ${withoutZone(peer)} ${words}`;
}

function hopText(hop: NextHop): string {
  return hop.kind === 'attribute' ? hop.address : hop.addresses.join(' ');
}
