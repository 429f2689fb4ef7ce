// What we offer a peer in OPEN, and what holds once both OPENs are known (RFC 4271 4.2, RFC 5492 and each capability's own).
//
// A peer that refused our capabilities is offered fewer on the next try. Graceful restart is never offered: with the packet
// engine inside this process, a router that keeps our routes would send to nobody. Pure.

import type { PeerRole } from '../model/peer.ts';
import {
  type Capability,
  codeOf,
  decodeCapabilities,
  encodeCapability,
  hasCapability,
  hasFamily,
  hasIpv4OverIpv6,
  ipv4OverIpv6,
} from './capabilities.ts';
import { errorCode, openError } from './constants.ts';
import { bytesToHex } from './cursor.ts';
import { type Family, type FamilyName, families } from './families.ts';
import type { NotificationMessage } from './notification.ts';
import type { OpenMessage } from './open.ts';
import { roleValue } from './roles.ts';

/** Capabilities not to offer, each by its code ("2") or its whole wire form in hexadecimal; or all of them (then OPEN has no optional parameter either). */
export type Omission = ReadonlySet<string> | 'all';

export const omitNothing: Omission = new Set();

export interface Offer {
  readonly localAs: number;
  readonly routerId: string;
  readonly holdTimeSec: number;
  readonly families: readonly Family[];
  /** The session's own family: what its addresses are of. */
  readonly transport: FamilyName;
  readonly role: PeerRole | undefined;
  /** As the host calls itself, with its domain if it has one. */
  readonly hostname: string | undefined;
}

const none: readonly Capability[] = [];

export function makeOpen(offer: Offer, omission: Omission): OpenMessage {
  const { localAs, routerId, holdTimeSec } = offer;
  const capabilities =
    omission === 'all' ? none : allCapabilities(offer).filter((capability) => !isOmitted(capability, omission));
  return { kind: 'open', as: localAs, holdTimeSec, routerId, capabilities };
}

function allCapabilities({ localAs, families, transport, role, hostname }: Offer): Capability[] {
  const isIpv4OverIpv6 = transport === 'ipv6' && families.some(({ name }) => name === 'ipv4');
  return [
    ...families.map(({ afi, safi }): Capability => ({ kind: 'multiprotocol', afi, safi })),
    { kind: 'routeRefresh' },
    ...(isIpv4OverIpv6 ? [{ kind: 'extendedNextHop', encodings: [ipv4OverIpv6] } as const] : none),
    { kind: 'extendedMessage' },
    ...(role === undefined ? none : [{ kind: 'role', role: roleValue(role) } as const]),
    { kind: 'fourOctetAs', as: localAs },
    { kind: 'enhancedRouteRefresh' },
    ...(hostname === undefined ? none : [hostnameCapability(hostname)]),
  ];
}

function hostnameCapability(name: string): Capability {
  const [hostname = '', ...domain] = name.split('.');
  return { kind: 'hostname', hostname, domain: domain.join('.') };
}

const codeKey = (capability: Capability): string => `${codeOf(capability)}`;
const wireKey = (capability: Capability): string => bytesToHex(encodeCapability(capability));

function isOmitted(capability: Capability, omission: ReadonlySet<string>): boolean {
  return omission.has(codeKey(capability)) || omission.has(wireKey(capability));
}

/**
 * What to leave out next time, or undefined when the NOTIFICATION is about something else. One of ours that is listed word
 * for word goes alone, so that refusing one address family leaves the other; else all of that code go.
 */
export function omissionAfter(
  { code, subcode, data }: NotificationMessage,
  current: Omission,
  sent: OpenMessage,
): Omission | undefined {
  if (code !== errorCode.open || current === 'all') return undefined;
  if (subcode === openError.unsupportedParameter) return 'all';
  if (subcode !== openError.unsupportedCapability) return undefined;
  const listed = decodeCapabilities(data);
  if (listed === undefined || listed.length === 0) return 'all';
  const ours = new Set(sent.capabilities.map(wireKey));
  const next = new Set([...current, ...listed.map((one) => (ours.has(wireKey(one)) ? wireKey(one) : codeKey(one)))]);
  // It named only what was not offered: the next try would be the same again.
  return sent.capabilities.some((one) => isOmitted(one, next)) ? next : 'all';
}

export interface Negotiated {
  /** 0: neither keepalives nor a hold timer. */
  readonly holdTimeSec: number;
  readonly fourOctetAs: boolean;
  /** RFC 8654, both ways. */
  readonly extendedMessages: boolean;
  /** RFC 7313: the answer to ROUTE-REFRESH has a marked begin and end. */
  readonly enhancedRefresh: boolean;
  /** RFC 8950: IPv4 routes may have the session's IPv6 address as next hop. */
  readonly ipv4OverIpv6: boolean;
  readonly families: readonly FamilyName[];
  readonly peerRouterId: string;
  readonly capabilities: { readonly sent: readonly Capability[]; readonly received: readonly Capability[] };
}

// Without any multiprotocol capability a speaker speaks IPv4 unicast (RFC 4760 8), whatever the session runs over.
function speaks({ capabilities }: OpenMessage, family: Family): boolean {
  return hasCapability(capabilities, 'multiprotocol') ? hasFamily(capabilities, family) : family.name === 'ipv4';
}

/** `wanted` limits the families: those of the document, also where OPEN could not name them. */
export function negotiate(ours: OpenMessage, theirs: OpenMessage, wanted: readonly Family[]): Negotiated {
  const both = (kind: Capability['kind']) => hasCapability(ours.capabilities, kind) && hasCapability(theirs.capabilities, kind);
  return {
    holdTimeSec: Math.min(ours.holdTimeSec, theirs.holdTimeSec),
    fourOctetAs: both('fourOctetAs'),
    extendedMessages: both('extendedMessage'),
    enhancedRefresh: both('enhancedRouteRefresh'),
    ipv4OverIpv6: hasIpv4OverIpv6(ours.capabilities) && hasIpv4OverIpv6(theirs.capabilities),
    families: Object.values(families)
      .filter((family) => wanted.includes(family) && speaks(ours, family) && speaks(theirs, family))
      .map(({ name }) => name),
    peerRouterId: theirs.routerId,
    capabilities: { sent: ours.capabilities, received: theirs.capabilities },
  };
}
