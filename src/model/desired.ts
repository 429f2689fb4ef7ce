// Desired state: what resolve() makes of document, operator overrides, health and next hops; what compile() turns
// into a snapshot. Whole and immutable; everything in it is canonical and validated. Pure.

import type { Prefix } from './address.ts';
import type { Health, NextHop, OperatorState } from './backend.ts';
import type { Policy } from './peer.ts';
import type { Plan } from './plan.ts';
import type { Encap, HashMode, PortRange, Protocol, Timeouts } from './vip.ts';

export interface DesiredBackend {
  readonly pool: string;
  readonly address: string;
  /** Document weight, or the operator's override. */
  readonly weight: number;
  /** Document state, or the operator's override. */
  readonly state: OperatorState;
  readonly health: Health;
  readonly nextHop: NextHop;
  /** In the refilled table: active, up, next hop resolved (or all are, by failOpen). Weight 0 never is. */
  readonly takesNewFlows: boolean;
  /** Existing flows stay: active or draining, not down, next hop resolved. */
  readonly keepsFlows: boolean;
  /** Why it takes no new flows, in words; null when it does. */
  readonly reason: string | null;
}

export interface DesiredPool {
  readonly name: string;
  readonly tableSize: number;
  /** Sorted by address bytes. */
  readonly backends: readonly DesiredBackend[];
  /** At least max(1, minHealthy) backends take new flows (or failOpen applies). */
  readonly usable: boolean;
  /** Pool that serves while this one has no usable backend (onAllDown: { pool }). */
  readonly fallback: string | null;
}

/** Whose doing a withheld route is: what was observed, what an operator said, or what the document says. */
export type WithheldBy = 'health' | 'operator' | 'document';

/** What becomes of a VIP's route. `reason` is in words an operator can act on. */
export type AnnounceState =
  | { readonly kind: 'announce' }
  /** An operator withdraws it: still told, with GRACEFUL_SHUTDOWN, until routers have moved its traffic. */
  | { readonly kind: 'draining'; readonly reason: string }
  | { readonly kind: 'withheld'; readonly by: WithheldBy; readonly reason: string };

/** A prefix of a tenant that is announced instead of the VIPs inside, while one of them is up. */
export interface Aggregate {
  /** "203.0.113.0/28" */
  readonly prefix: string;
  /** The tenant's. */
  readonly policy: Policy;
}

/** What VIPs of both modes have: all that BGP needs. */
export interface RoutedVip {
  /** vipName() or localVipName(): identity. */
  readonly name: string;
  readonly prefix: Prefix;
  readonly tenant: string;
  readonly announce: AnnounceState;
  /** Of its own route. */
  readonly policy: Policy;
  /** Announced instead of its own route, unless it is a blackhole; null: nothing is. */
  readonly aggregate: Aggregate | null;
  /** Announced as a blackhole (RFC 7999), whatever its health; none of its packets is steered. */
  readonly isBlackhole: boolean;
}

/** Of mode local: a service of this host itself. Its packets are the kernel's, so the packet path never hears of it. */
export interface DesiredLocalVip extends RoutedVip {
  /** Of the service; `up` where the document has no check for it. */
  readonly health: Health;
}

/** Of mode forward. */
export interface DesiredVip extends RoutedVip {
  readonly protocol: Protocol;
  readonly ports: PortRange;
  /** Pool of the document. */
  readonly pool: string;
  /** Pool that gets new flows now: `pool`, or its fallback. */
  readonly activePool: string;
  /** The other pool that its flows stay with: the fallback, and while that serves the document's pool. */
  readonly keptPool: string;
  readonly hash: HashMode;
  readonly encap: Encap;
  readonly entropy: boolean;
  readonly timeouts: Timeouts;
}

export interface DesiredTenant {
  readonly name: string;
  readonly plan: Plan | null;
}

export interface AnswerRate {
  readonly rate: number;
  readonly burst: number;
}

/** A device of the packet engine. Its place in the list is the index that the packet path sends on. */
export interface DesiredDevice {
  readonly name: string;
  /** Source of what leaves on it, "02:00:00:00:00:01". */
  readonly mac: string;
  readonly mtuBytes: number;
}

export interface DesiredNode {
  /** Outer source addresses; at least one is set when there are forwarding VIPs. */
  readonly address: string | null;
  readonly address6: string | null;
  readonly devices: readonly DesiredDevice[];
  /** Outer sources of VIPs with `entropy`. */
  readonly entropy: { readonly prefix: Prefix | null; readonly prefix6: Prefix | null };
  readonly answers: { readonly echo: AnswerRate; readonly tooBig: AnswerRate; readonly timeExceeded: AnswerRate };
}

export interface Desired {
  /** Revision of the document this came from. */
  readonly revision: number;
  readonly node: DesiredNode;
  /** 32 bytes as 64 hex digits. */
  readonly clusterSecret: string;
  /** Each sorted by identity. */
  readonly tenants: readonly DesiredTenant[];
  readonly vips: readonly DesiredVip[];
  readonly localVips: readonly DesiredLocalVip[];
  readonly pools: readonly DesiredPool[];
}
