// What we offer a peer in OPEN, and what holds once both OPENs are known (RFC 4271 4.2, RFC 5492, RFC 4760, RFC 6793).
//
// A peer that refused our capabilities is offered fewer on the next try. Pure.

import { type Capability, codeOf, decodeCapabilities, hasFamily } from './capabilities.ts';
import { errorCode, openError } from './constants.ts';
import { type Family, type FamilyName, families } from './families.ts';
import type { NotificationMessage } from './notification.ts';
import type { OpenMessage } from './open.ts';

/** Codes of capabilities not to offer, or all of them (then OPEN has no optional parameter either). */
export type Omission = ReadonlySet<number> | 'all';

export const omitNothing: Omission = new Set();

export interface Offer {
  readonly localAs: number;
  readonly routerId: string;
  readonly holdTimeSec: number;
  readonly families: readonly Family[];
}

export function makeOpen({ localAs, routerId, holdTimeSec, families }: Offer, omission: Omission): OpenMessage {
  const all: Capability[] = [
    ...families.map(({ afi, safi }): Capability => ({ kind: 'multiprotocol', afi, safi })),
    { kind: 'routeRefresh' },
    { kind: 'fourOctetAs', as: localAs },
  ];
  const capabilities = omission === 'all' ? [] : all.filter((capability) => !omission.has(codeOf(capability)));
  return { kind: 'open', as: localAs, holdTimeSec, routerId, capabilities };
}

/** What to leave out next time, or undefined when the NOTIFICATION is about something else. */
export function omissionAfter({ code, subcode, data }: NotificationMessage, current: Omission): Omission | undefined {
  if (code !== errorCode.open || current === 'all') return undefined;
  if (subcode === openError.unsupportedParameter) return 'all';
  if (subcode !== openError.unsupportedCapability) return undefined;
  const listed = decodeCapabilities(data);
  if (listed === undefined || listed.length === 0) return 'all';
  const next = new Set([...current, ...listed.map(codeOf)]);
  // Named only what we do not offer any more: the next try would be the same again.
  return next.size === current.size ? 'all' : next;
}

export interface Negotiated {
  /** 0: neither keepalives nor a hold timer. */
  readonly holdTimeSec: number;
  readonly fourOctetAs: boolean;
  readonly families: readonly FamilyName[];
  readonly peerRouterId: string;
}

// Without any multiprotocol capability a speaker speaks IPv4 unicast (RFC 4760 8), whatever the session runs over.
function speaks({ capabilities }: OpenMessage, family: Family): boolean {
  const anyMultiprotocol = capabilities.some(({ kind }) => kind === 'multiprotocol');
  return anyMultiprotocol ? hasFamily(capabilities, family) : family.name === 'ipv4';
}

export function negotiate(ours: OpenMessage, theirs: OpenMessage): Negotiated {
  const wide = ({ capabilities }: OpenMessage) => capabilities.some(({ kind }) => kind === 'fourOctetAs');
  return {
    holdTimeSec: Math.min(ours.holdTimeSec, theirs.holdTimeSec),
    fourOctetAs: wide(ours) && wide(theirs),
    families: Object.values(families)
      .filter((family) => speaks(ours, family) && speaks(theirs, family))
      .map(({ name }) => name),
    peerRouterId: theirs.routerId,
  };
}
