// The edge router's seam: what the lab asks of BIRD, FRR and GoBGP, in words of its own.
//
// A router is told a plan, runs in the router namespace and puts multipath routes into that namespace's kernel
// (kernel-routes.ts looks there). What it knows comes back as data, whichever daemon it is. Everything but
// start and stop may be called while it runs.

import type { Ledger } from '../ledger.ts';
import { balancerAs, type RouterKind, routerAs, type Topology, vipPrefix, vipPrefix6 } from '../topology.ts';

export interface BfdTimes {
  readonly intervalMs: number;
  readonly multiplier: number;
}

/** One balancer as a configured neighbour. */
export interface RouterPeer {
  readonly address: string;
  /** TCP MD5 (RFC 2385). */
  readonly password?: string;
  /** GTSM (RFC 5082), one hop. */
  readonly ttlSecurity?: boolean;
  readonly bfd?: BfdTimes;
  /** The session is for routes of both families; IPv4 ones may have IPv6 next hops (RFC 8950). */
  readonly isDual?: boolean;
  /** What the router says it is to the balancer (RFC 9234). */
  readonly role?: 'provider' | 'customer' | 'peer';
  /** iBGP: the balancer is of the router's own AS. */
  readonly isInternal?: boolean;
}

export interface RouterPlan {
  /**
   * Absent: whoever calls from the fabric is a neighbour. FRR enforces GTSM and keeps BFD alive on configured
   * neighbours alone, and takes their first call some seconds after its own start only.
   */
  readonly peers?: readonly RouterPeer[];
  readonly holdTimeSec: number;
  /** Calls its configured neighbours instead of waiting for them. */
  readonly dials: boolean;
  /** Prefixes that it accepts, with everything inside. */
  readonly accepts: readonly string[];
  readonly maxPrefixes: number;
  /** Prefixes that it announces itself, each from its own family's address. */
  readonly announces: readonly string[];
}

export const defaultPlan: RouterPlan = {
  holdTimeSec: 9,
  dials: false,
  accepts: [vipPrefix, vipPrefix6],
  maxPrefixes: 1000,
  announces: [],
};

export interface RouterNeighbour {
  readonly address: string;
  readonly state: string;
  readonly established: boolean;
  /** Received and accepted. */
  readonly prefixes: number;
}

export interface RouterState {
  readonly kind: RouterKind;
  readonly running: boolean;
  readonly neighbours: readonly RouterNeighbour[];
}

/** A route as the router has it from one neighbour. */
export interface RouterRoute {
  readonly nextHop: string;
  readonly asPath: readonly number[];
  /** "65535:0", whatever name the router has for it. */
  readonly communities: readonly string[];
  readonly largeCommunities: readonly string[];
  readonly med: number | null;
  readonly localPref: number | null;
}

export interface RouterBfd {
  readonly address: string;
  readonly isUp: boolean;
}

/** How often sessions with one neighbour were up and then no longer, since the router's start. */
export interface RouterFlaps {
  readonly address: string;
  readonly bgp: number;
  readonly bfd: number;
}

export interface Router {
  readonly kind: RouterKind;
  readonly plan: RouterPlan;
  /** Returns once the daemon accepts sessions; from configured neighbours FRR may do so a little later. */
  start(): Promise<void>;
  /** Stops it and clears what it leaves behind: routes in the kernel, nexthop objects, run directories. */
  stop(): Promise<void>;
  /** The part that speaks BGP gets this signal. */
  signal(name: NodeJS.Signals): void;
  state(): Promise<RouterState>;
  /** What it has of exactly this prefix. */
  routes(prefix: string): Promise<readonly RouterRoute[]>;
  /** Empty where the daemon knows no BFD. */
  bfd(): Promise<readonly RouterBfd[]>;
  /** Of configured neighbours. */
  flaps(): Promise<readonly RouterFlaps[]>;
  /** Ends the session with a configured neighbour, saying why (RFC 9003), and keeps it down. */
  shutDown(address: string, text: string): Promise<void>;
  /** Takes shutDown back. */
  enable(address: string): Promise<void>;
}

export interface RouterParams {
  readonly topology: Topology;
  readonly ledger: Ledger;
  readonly plan: RouterPlan;
}

export function asOf({ isInternal }: RouterPeer): number {
  return isInternal === true ? routerAs : balancerAs;
}

export function isIpv6(text: string): boolean {
  return text.includes(':');
}

export type Family = 4 | 6;

export function familyOf(text: string): Family {
  return isIpv6(text) ? 6 : 4;
}
