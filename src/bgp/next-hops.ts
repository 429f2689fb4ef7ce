// Which next hop the routes of each family have on a session (RFC 4271 5.1.3, RFC 2545 3, RFC 8950 3, RFC 4760).
//
// Of the session's own family it is the session's own local address; of the other one the node's, except that IPv4 routes
// on an IPv6 session have the session's address too where both sides agreed on that. A family without one is not
// announced. Pure.

import { isLinkLocal, withoutZone } from '../model/address.ts';
import { type FamilyName, familyOfAddress } from './families.ts';

export type NextHop =
  /** In NEXT_HOP, beside routes in the message's own fields: IPv4 only. */
  | { readonly kind: 'attribute'; readonly address: string }
  /** In MP_REACH_NLRI: one address, or a global and a link-local one. */
  | { readonly kind: 'reach'; readonly addresses: readonly string[] };

export type NextHops = Readonly<Partial<Record<FamilyName, NextHop>>>;

export interface NextHopSources {
  /** The session's own address; a link-local one with its device. */
  readonly localAddress: string;
  /** Whether the node's IPv6 address is on the device of a link-local session. */
  readonly isNextHop6OnLink: boolean;
  /** The node's. */
  readonly nextHop4: string | undefined;
  readonly nextHop6: string | undefined;
  /** RFC 8950 was agreed on. */
  readonly ipv4OverIpv6: boolean;
}

/** The next hops of the agreed families. */
export function nextHopsOf(families: readonly FamilyName[], sources: NextHopSources): NextHops {
  const hops: { [F in FamilyName]?: NextHop } = {};
  for (const family of families) {
    const hop = nextHopOf(family, sources);
    if (hop !== undefined) hops[family] = hop;
  }
  return hops;
}

function nextHopOf(family: FamilyName, sources: NextHopSources): NextHop | undefined {
  const { localAddress, nextHop4, nextHop6, ipv4OverIpv6 } = sources;
  const transport = familyOfAddress(localAddress).name;
  if (transport === 'ipv4') {
    if (family === 'ipv4') return { kind: 'attribute', address: localAddress };
    return nextHop6 === undefined ? undefined : { kind: 'reach', addresses: [nextHop6] };
  }
  if (family === 'ipv6' || ipv4OverIpv6) return { kind: 'reach', addresses: ownIpv6(sources) };
  return nextHop4 === undefined ? undefined : { kind: 'attribute', address: nextHop4 };
}

// RFC 2545 3 has a global address of the link before the link-local one. Some routers drop routes by a global one that they
// do not reach directly, and all that were tried take the link-local one alone.
function ownIpv6({ localAddress, nextHop6, isNextHop6OnLink }: NextHopSources): readonly string[] {
  const own = withoutZone(localAddress);
  return isLinkLocal(own) && nextHop6 !== undefined && isNextHop6OnLink ? [nextHop6, own] : [own];
}

/** What keeps agreed families from being announced, in words; undefined when nothing does. */
export function nextHopTrouble(families: readonly FamilyName[], hops: NextHops): string | undefined {
  const words = families
    .filter((family) => hops[family] === undefined)
    .map((family) =>
      family === 'ipv6'
        ? 'IPv6 routes have no next hop, so none is announced: node.address6 is absent'
        : 'IPv4 routes have no next hop, so none is announced: the peer takes no IPv6 next hops for them (RFC 8950) and node.address is absent',
    );
  return words.length === 0 ? undefined : words.join('; ');
}
