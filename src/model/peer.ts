// BGP peers: what the document says of one, and what the speaker reports. Pure.

import type { BfdConfig, BfdStatus } from './bfd.ts';

export interface Policy {
  /** "65000:100" (RFC 1997). */
  readonly communities?: readonly string[];
  /** "65000:1:2" (RFC 8092). */
  readonly largeCommunities?: readonly string[];
  readonly med?: number;
  /** Sent on iBGP only. */
  readonly localPref?: number;
  /** How many times the own AS is prepended beyond the one that eBGP adds. */
  readonly prepend?: number;
}

/** What this node is to the peer (RFC 9234). */
export type PeerRole = 'provider' | 'rs' | 'rs-client' | 'customer' | 'peer';

export interface PeerConfig {
  /** Canonical text; link-local with its device, "fe80::1%eth0". */
  readonly address: string;
  readonly port: number;
  readonly as: number;
  readonly localAddress?: string;
  /** TCP MD5 (RFC 2385): the secret itself, 1 to 80 bytes. Not part of what is logged or shown. */
  readonly password?: string;
  /** GTSM (RFC 5082): how many hops away it may be, 1 being the own link. Not together with multihop. */
  readonly ttlSecurity?: number;
  /** TTL of what is sent; without it 1 on eBGP. */
  readonly multihop?: number;
  readonly passive: boolean;
  readonly holdTimeSec: number;
  readonly connectRetrySec: number;
  readonly bfd?: BfdConfig;
  /** Whose routes are offered; absent: those of the address's own family. */
  readonly families?: readonly ('ipv4' | 'ipv6')[];
  /** eBGP only. */
  readonly role?: PeerRole;
  /** Whether the default route that the peer announces is shown. */
  readonly accept?: 'default';
  readonly policy: Policy;
}

export interface SpeakerConfig {
  /** Absent: the built-in one. */
  readonly implementation?: 'exabgp';
  readonly localAs: number;
  /** Dotted quad. */
  readonly routerId: string;
  /** Next hops of routes on sessions of the other family; on those of their own it is the session's local address. */
  readonly nextHop4?: string;
  readonly nextHop6?: string;
  readonly listen?: { readonly address: string; readonly port: number };
  readonly drainSec: number;
  readonly peers: readonly PeerConfig[];
}

/** One route the speaker should announce now. `prefix` is "203.0.113.10/32". */
export interface Advertisement {
  readonly prefix: string;
  readonly policy: Policy;
  /** Still told, but about to go: GRACEFUL_SHUTDOWN and a lower preference (RFC 8326), whatever the policy says. */
  readonly draining?: boolean;
  /** Told with BLACKHOLE (RFC 7999) beside the policy's communities: routers discard what is for it. */
  readonly blackhole?: boolean;
  /** Nothing of it is forwarded by the packet path: it stays where that stands still. */
  readonly withoutPath?: boolean;
}

export type SessionState = 'idle' | 'connect' | 'active' | 'openSent' | 'openConfirm' | 'established';

export interface PeerError {
  readonly direction: 'sent' | 'received' | 'local';
  readonly code: number;
  readonly subcode: number;
  readonly text: string;
  /** ISO 8601. */
  readonly at: string;
}

/** The default route as a peer announces it. */
export interface DefaultRoute {
  /** "0.0.0.0/0" or "::/0". */
  readonly prefix: string;
  readonly nextHop: string;
  /** AS numbers from the neighbour to the origin; those of a set in braces: "65000 {65001 65002}". */
  readonly asPath: string;
  readonly communities: readonly string[];
  /** When it last changed. ISO 8601. */
  readonly at: string;
}

/** One row of `torii peers --json` (docs/bgp.md). */
export interface PeerStatus {
  readonly address: string;
  readonly as: number;
  readonly state: SessionState;
  readonly uptimeSec: number;
  readonly holdTimeSec: number;
  readonly families: readonly string[];
  readonly announced: number;
  readonly flaps: number;
  readonly lastError: PeerError | null;
  readonly bfd: BfdStatus | null;
  readonly messages: { readonly sent: Readonly<Record<string, number>>; readonly received: Readonly<Record<string, number>> };
  /** Of the established session, in words. */
  readonly capabilities?: { readonly sent: readonly string[]; readonly received: readonly string[] };
  /** Present where the document says `accept: default`. */
  readonly defaultRoutes?: readonly DefaultRoute[];
}

/** One of the last messages of a peer, for operators. */
export interface PeerMessage {
  /** ISO 8601. */
  readonly at: string;
  readonly direction: 'sent' | 'received';
  readonly bytes: number;
  readonly kind: 'open' | 'update' | 'notification' | 'keepalive' | 'routeRefresh' | 'malformed';
  /** What it says, in words; of a malformed one what is wrong. */
  readonly text: string;
  /** The first bytes of a malformed one. */
  readonly hex?: string;
}

/** Everything the rest of torii needs of BGP: "here is all that should be announced now". */
export interface Speaker {
  set(advertisements: readonly Advertisement[]): void;
  peers(): readonly PeerStatus[];
  /**
   * GRACEFUL_SHUTDOWN, drainSec, withdraw (RFC 8326), and the sessions stay: resolves when nothing is announced any more, and nothing
   * will be. Once; further calls wait for the same end.
   */
  leave(): Promise<void>;
  /** Sessions end with CEASE (RFC 9003); graceful: not before leave(). */
  close(graceful: boolean): Promise<void>;
}
