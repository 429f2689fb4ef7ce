// What GoBGP's client prints with -j, as data. Pure.

import type { RouterFlaps, RouterNeighbour, RouterRoute } from './router.ts';

interface Attribute {
  readonly type: number;
  readonly nexthop?: string;
  readonly metric?: number;
  readonly value?: unknown;
  readonly communities?: readonly number[];
  readonly as_paths?: readonly { readonly asns?: readonly number[] }[];
}

export interface GobgpPath {
  readonly attrs: readonly Attribute[];
  readonly best?: boolean;
}

/** Paths by prefix. */
export type GobgpRib = Readonly<Record<string, readonly GobgpPath[]>>;

interface Neighbour {
  readonly state: { readonly neighbor_address: string; readonly session_state?: number; readonly flops?: number };
  readonly afi_safis?: readonly { readonly state?: { readonly accepted?: number | string } }[];
}

/** Attribute numbers (RFC 4271, 1997, 4760, 8092). */
const attribute = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  med: 4,
  localPref: 5,
  communities: 8,
  reach: 14,
  largeCommunities: 32,
} as const;

const states = ['Unknown', 'Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'];

/** The neighbours in the output of `gobgp neighbor -j`. */
export function parseNeighbours(text: string): readonly RouterNeighbour[] {
  return (JSON.parse(text || '[]') as readonly Neighbour[]).map(({ state, afi_safis = [] }) => {
    const name = states[state.session_state ?? 0] ?? 'Unknown';
    const prefixes = afi_safis.reduce((sum, family) => sum + Number(family.state?.accepted ?? 0), 0);
    return { address: state.neighbor_address, state: name, established: name === 'Established', prefixes };
  });
}

/** How often the session of each was lost, from the same output. */
export function parseFlops(text: string): readonly RouterFlaps[] {
  return (JSON.parse(text || '[]') as readonly Neighbour[]).map(({ state: { neighbor_address: address, flops = 0 } }) => ({
    address,
    bgp: flops,
    bfd: 0,
  }));
}

/** The output of `gobgp global rib -j`, which says "Network not in table" in words. */
export function parseRib(text: string): GobgpRib {
  return text.startsWith('{') ? (JSON.parse(text) as GobgpRib) : {};
}

/**
 * Next hops of the best path and of every one that RFC 4271's decision finds as good before it looks at who sent it, sorted:
 * GoBGP uses all of them for forwarding, but marks only the first as best. Routes of its own have no next hop.
 */
export function multipath(paths: readonly GobgpPath[]): readonly string[] {
  const best = paths.find((path) => path.best === true);
  if (best === undefined) return [];
  const hops = paths.filter((path) => rank(path) === rank(best)).map((path) => nextHopOf(path) ?? '');
  return hops.filter((hop) => !isOwn(hop)).toSorted();
}

/** Whether a route with this next hop is GoBGP's own. */
export function isOwn(nextHop: string): boolean {
  return ['', '0.0.0.0', '::'].includes(nextHop);
}

function rank(path: GobgpPath): string {
  const { localPref, asPath, med } = routeOf(path);
  const origin = path.attrs.find(({ type }) => type === attribute.origin)?.value;
  return JSON.stringify([localPref ?? 100, asPath.length, origin, med ?? 0]);
}

export function nextHopOf({ attrs }: GobgpPath): string | undefined {
  return attrs.find(({ type }) => type === attribute.nextHop || type === attribute.reach)?.nexthop;
}

export function routeOf(path: GobgpPath): RouterRoute {
  const find = (type: number) => path.attrs.find((each) => each.type === type);
  const large = (find(attribute.largeCommunities)?.value ?? []) as readonly Readonly<
    Record<'ASN' | 'LocalData1' | 'LocalData2', number>
  >[];
  return {
    nextHop: nextHopOf(path) ?? '',
    asPath: (find(attribute.asPath)?.as_paths ?? []).flatMap(({ asns = [] }) => asns),
    communities: (find(attribute.communities)?.communities ?? []).map((value) => `${value >>> 16}:${value & 0xffff}`),
    largeCommunities: large.map(({ ASN, LocalData1, LocalData2 }) => `${ASN}:${LocalData1}:${LocalData2}`),
    med: find(attribute.med)?.metric ?? null,
    localPref: (find(attribute.localPref)?.value as number | undefined) ?? null,
  };
}
