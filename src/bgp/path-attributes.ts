// What an UPDATE says of its routes, as plain values (RFC 4271 5).
//
// Communities are text as in the document, so that what is sent and what is shown read alike. Pure types.

import type { FamilyName } from './families.ts';

export type Origin = 'igp' | 'egp' | 'incomplete';
/** By wire value. */
export const origins: readonly Origin[] = ['igp', 'egp', 'incomplete'];

export interface AsSegment {
  readonly kind: 'set' | 'sequence';
  readonly ases: readonly number[];
}

export interface RawAttribute {
  readonly type: number;
  readonly flags: number;
  readonly value: Uint8Array;
}

export interface PathAttributes {
  readonly origin?: Origin;
  /** The whole path: what AS4_PATH knows better is in it (RFC 6793). */
  readonly asPath?: readonly AsSegment[];
  readonly nextHop?: string;
  readonly med?: number;
  readonly localPref?: number;
  readonly atomicAggregate?: boolean;
  readonly aggregator?: { readonly as: number; readonly address: string };
  /** "65000:100" (RFC 1997). */
  readonly communities?: readonly string[];
  /** "65000:1:2" (RFC 8092). */
  readonly largeCommunities?: readonly string[];
  /** The AS that marked the route (RFC 9234). */
  readonly onlyToCustomer?: number;
  /** RFC 4760. Two next hops: global and link-local. */
  readonly reach?: { readonly family: FamilyName; readonly nextHops: readonly string[]; readonly prefixes: readonly string[] };
  readonly unreach?: { readonly family: FamilyName; readonly prefixes: readonly string[] };
  /** Everything else, as it came. */
  readonly others?: readonly RawAttribute[];
}
