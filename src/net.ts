// The only file that loads the net addon: what torii asks of the kernel beyond Node's own modules.
//
// Every JavaScript thread that loads it has its own sockets. Calls are synchronous and take as long as the kernel takes to
// answer: about 4 µs a route, 2 µs for news() when there are none, 1 ms for a dump of a few hundred neighbours.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { messageOf, ToriiError } from './errors.ts';

export interface Link {
  readonly name: string;
  readonly ifindex: number;
  readonly mac: string;
  readonly mtuBytes: number;
  /** Set up, and with carrier. */
  readonly isUp: boolean;
  /** "bond", "vlan", "veth", …; empty for a card. */
  readonly kind: string;
  /** Index of the bond, bridge or VRF that it belongs to, and of the device that it lies on; 0: none. */
  readonly master: number;
  readonly lower: number;
}

/** A neighbour as the kernel knows it; `state` is NUD_* of neighbour.h, 0 when it has just forgotten it. */
export interface Neighbour {
  readonly ifindex: number;
  readonly address: string;
  readonly mac: string | null;
  readonly state: number;
}

export type Route =
  | {
      /** `local`: an address of this host; `other`: broadcast, multicast and the like. */
      readonly kind: 'unicast' | 'local' | 'other';
      readonly ifindex: number;
      readonly gateway: string | null;
      /** The address the kernel would send from. */
      readonly source: string | null;
      /** As the route says it, e.g. a learned path MTU; null: the link's. */
      readonly mtuBytes: number | null;
      /** The kernel would wrap what goes by it (SRv6, MPLS). */
      readonly hasEncap?: true;
    }
  | { readonly kind: 'none'; readonly reason: string };

export interface News {
  readonly links: boolean;
  readonly routes: boolean;
  /** Something was missed (also at the first call): look at everything again. */
  readonly overrun: boolean;
  readonly neighbours: readonly Neighbour[];
}

export type Capability = 'net_admin' | 'net_raw' | 'net_bind_service' | 'bpf' | 'sys_admin' | 'sys_nice' | 'ipc_lock';

/** What one peer's TCP connections are held to, whoever called. */
export interface SocketProtection {
  /** Its address; a link-local one with its zone. */
  readonly peer: string;
  /** Of what is sent. */
  readonly ttl: number;
  /** The least that is heard; 0: any. */
  readonly minTtl: number;
  /** How long data may stay unacknowledged; 0: as long as the system allows. */
  readonly userTimeoutMs: number;
  /** TCP MD5 (RFC 2385), at most 80 bytes; empty: no signature, and none accepted. */
  readonly key: Uint8Array;
}

/** TCP sockets by descriptor, for what must be set before connect() or listen(). Whoever gets one must hand it on or close it. */
export interface SocketAddon {
  /** Not connected; bound to `local`, with a port that connecting chooses. */
  diallingSocket(local: string): number;
  /** Bound, not yet listening; an IPv6 one takes no IPv4. */
  listeningSocket(local: string, port: number): number;
  /** Replaces what held before, also on a connection that exists. */
  protectSocket(descriptor: number, protection: SocketProtection): void;
  /** On a listening socket: calls from `peer` must be signed with it; empty: must not be signed. */
  setSocketKey(descriptor: number, peer: string, key: Uint8Array): void;
  /** With which an accepted connection's SYN arrived; 0 when the kernel did not keep it. Once a connection. */
  synTtl(descriptor: number): number;
  /** Sent, or waiting to be, and not acknowledged by the other host. */
  unacknowledgedBytes(descriptor: number): number;
  closeSocket(descriptor: number): void;
}

/** Where the words of BFD are: indices into a BigUint64Array (native/net/bfd_words.h). */
export interface BfdLayout {
  readonly speaker: Readonly<Record<string, number>>;
  /** From the session's first word. */
  readonly session: Readonly<Record<string, number>>;
  /** Reasons to discard a packet; their counters follow firstDiscard. */
  readonly discards: readonly string[];
  readonly firstDiscard: number;
  readonly firstSession: number;
  readonly sessionWords: number;
  readonly sessions: number;
}

export interface BfdSession {
  /** Link-local ones with their zone; `local` is 0.0.0.0 or :: where the kernel shall choose. */
  readonly peer: string;
  readonly local: string;
  readonly peerPort: number;
  readonly intervalMs: number;
  readonly multiplier: number;
  /** For how long the word `beat` may stand still before the session goes Down. */
  readonly hungAfterMs: number;
}

export type BfdHandle = object & { readonly bfd: never };

/** BFD speakers, each a native thread. Orders return at once; what comes of them is in the words. */
export interface BfdAddon {
  bfdLayout(): BfdLayout;
  /** `wake` is called soon after news, once for several. */
  bfdStart(port: number, wake: () => void): { readonly handle: BfdHandle; readonly words: ArrayBuffer };
  /** Opens the session of a free slot; for a slot in use it changes interval, multiplier and hungAfterMs. */
  bfdSet(handle: BfdHandle, slot: number, session: BfdSession): void;
  /** Says AdminDown for a moment; then the slot is free. */
  bfdLeave(handle: BfdHandle, slot: number): void;
  /** At once, without a farewell. */
  bfdStop(handle: BfdHandle): void;
}

/** Those that engines turn off. */
export type Feature = 'gro' | 'lro' | 'rxVlan';

export interface NetAddon extends SocketAddon, BfdAddon {
  links(): readonly Link[];
  neighbours(): readonly Neighbour[];
  /** One answer per address, in order. */
  routes(addresses: readonly string[]): readonly Route[];
  /** What happened since the last call; never waits. */
  news(): News;
  /** Has the kernel resolve or confirm neighbours. By netlink with CAP_NET_ADMIN, else by an empty datagram to port 9. */
  probe(neighbours: readonly { readonly ifindex: number; readonly address: string }[]): void;
  /** sd_notify(3); false when no supervisor listens. */
  notify(text: string): boolean;
  /** Queues of a card that carry packets, now and at most (ethtool -l, combined); null where the device has no such number. */
  channels(device: string): { readonly count: number; readonly max: number } | null;
  /** Throws no_privilege without CAP_NET_ADMIN. The card may lose its link for a moment. */
  setChannels(device: string, count: number): void;
  /** What is on of a device's ways to change packets that come in (ethtool -k): receive offloads and the removal of VLAN tags. */
  features(device: string): Readonly<Record<Feature, boolean>>;
  /** Throws no_privilege without CAP_NET_ADMIN. */
  turnOn(device: string, feature: Feature): void;
  /** Whether this process holds it in effect. */
  hasCapability(name: Capability): boolean;
}

let loaded: NetAddon | undefined;

/** Once per thread. Throws addon_mismatch when it is not built. */
export function loadNetAddon(): NetAddon {
  if (loaded) return loaded;
  const levels = import.meta.url.endsWith('.ts') ? '..' : '../..';
  const path = fileURLToPath(new URL(`${levels}/native/build/net.node`, import.meta.url));
  try {
    loaded = createRequire(import.meta.url)(path) as NetAddon;
    return loaded;
  } catch (cause) {
    throw new ToriiError('addon_mismatch', `expected the native addon at ${path}: ${messageOf(cause)}; run \`npm run build\``, {
      cause,
    });
  }
}
