// From a route's policy to the path attributes that one peer is sent (RFC 4271 5, RFC 7999, RFC 8326, RFC 9234).
//
// The narrower policy wins key by key: a VIP's over its tenant's (already merged by the caller) over the peer's. What torii
// itself marks a route with comes on top and is never replaced. Pure.

import type { Advertisement, Policy } from '../model/peer.ts';
import { encodeAttributes } from './attribute-encoder.ts';
import { blackholeCommunity, defaultLocalPref, gracefulShutdownCommunity, highestMed } from './constants.ts';
import type { NextHop } from './next-hops.ts';
import type { RouteAttributes } from './packing.ts';
import type { PathAttributes } from './path-attributes.ts';

/** What the attributes of every route on one session have in common. */
export interface RouteSetting {
  readonly localAs: number;
  readonly internal: boolean;
  readonly fourOctetAs: boolean;
  readonly peerPolicy: Policy;
  /** The node leaves on purpose: tell the peer to prefer any other path, for every route. */
  readonly draining: boolean;
  /** Value of the Only To Customer attribute (RFC 9234); undefined: none. */
  readonly onlyToCustomer: number | undefined;
}

/** A route's own policy and its marks. */
export type RoutePolicy = Policy & Pick<Advertisement, 'draining' | 'blackhole'>;

export function routePolicyOf({ policy, draining = false, blackhole = false }: Advertisement): RoutePolicy {
  return draining || blackhole ? { ...policy, draining, blackhole } : policy;
}

/** Equal for policies that give equal attributes, so that their routes share messages. */
export function policyKey(policy: RoutePolicy): string {
  const { communities, largeCommunities, med, localPref, prepend, draining = false, blackhole = false } = policy;
  return JSON.stringify([communities, largeCommunities, med, localPref, prepend, draining, blackhole]);
}

// Sorted as numbers, each once: RFC 1997 speaks of a set, and equal sets should give equal bytes.
function communitySet(texts: readonly string[]): readonly string[] | undefined {
  if (texts.length === 0) return undefined;
  const compare = (a: string, b: string) => {
    const left = a.split(':').map(Number);
    const right = b.split(':').map(Number);
    const i = left.findIndex((part, at) => part !== right[at]);
    return i === -1 ? 0 : (left[i] ?? 0) - (right[i] ?? 0);
  };
  return [...new Set(texts)].sort(compare);
}

/** The path attributes of a route, without next hop. */
export function pathAttributes(policy: RoutePolicy, setting: RouteSetting): PathAttributes {
  const merged: RoutePolicy = { ...setting.peerPolicy, ...policy };
  const { localAs, internal, onlyToCustomer } = setting;
  const draining = setting.draining || merged.draining === true;
  const marks = [...(draining ? [gracefulShutdownCommunity] : []), ...(merged.blackhole ? [blackholeCommunity] : [])];
  const communities = communitySet([...(merged.communities ?? []), ...marks]);
  const largeCommunities = communitySet(merged.largeCommunities ?? []);
  const med = draining && !internal ? highestMed : merged.med;
  // The own AS in a path would make every iBGP neighbour drop the route as a loop, so prepending is for eBGP.
  const ases = internal ? [] : Array<number>(1 + (merged.prepend ?? 0)).fill(localAs);
  return {
    origin: 'igp',
    asPath: ases.length === 0 ? [] : [{ kind: 'sequence', ases }],
    ...(med === undefined ? {} : { med }),
    ...(internal ? { localPref: draining ? 0 : (merged.localPref ?? defaultLocalPref) } : {}),
    ...(communities === undefined ? {} : { communities }),
    ...(largeCommunities === undefined ? {} : { largeCommunities }),
    ...(onlyToCustomer === undefined ? {} : { onlyToCustomer }),
  };
}

/** The same in wire form, for packing. */
export function routeAttributes(policy: RoutePolicy, setting: RouteSetting, hop: NextHop): RouteAttributes {
  const attributes = pathAttributes(policy, setting);
  if (hop.kind === 'reach') return { bytes: encodeAttributes(attributes, setting), reach: hop.addresses };
  return { bytes: encodeAttributes({ ...attributes, nextHop: hop.address }, setting), reach: undefined };
}
