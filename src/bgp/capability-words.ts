// Capabilities in words, for operators: "multiprotocol ipv4", "4-octet AS 65010", "capability 64". Pure.

import type { PeerStatus } from '../model/peer.ts';
import type { Capability } from './capabilities.ts';
import { capabilityCode } from './constants.ts';
import { familyByCode } from './families.ts';
import type { Negotiated } from './negotiate.ts';
import { roleNames } from './roles.ts';

/** What both sides offered. */
export function capabilityWords({ capabilities: { sent, received } }: Negotiated): NonNullable<PeerStatus['capabilities']> {
  return { sent: sent.map(describeCapability), received: received.map(describeCapability) };
}

export function describeCapability(capability: Capability): string {
  switch (capability.kind) {
    case 'multiprotocol':
      return `multiprotocol ${familyWords(capability)}`;
    case 'routeRefresh':
      return 'route refresh';
    case 'extendedNextHop':
      return `extended next hop ${capability.encodings.map(encodingWords).join(', ')}`.trimEnd();
    case 'extendedMessage':
      return 'extended message';
    case 'role':
      return `role ${roleNames[capability.role] ?? capability.role}`;
    case 'gracefulRestart':
      return restartWords(capability);
    case 'fourOctetAs':
      return `4-octet AS ${capability.as}`;
    case 'enhancedRouteRefresh':
      return 'enhanced route refresh';
    case 'hostname':
      return `hostname ${[capability.hostname, capability.domain].filter((part) => part !== '').join('.')}`;
    case 'other':
      return otherNames.get(capability.code) ?? `capability ${capability.code}`;
  }
}

function familyWords({ afi, safi }: { readonly afi: number; readonly safi: number }): string {
  return familyByCode(afi, safi)?.name ?? `afi ${afi} safi ${safi}`;
}

function encodingWords(encoding: { readonly afi: number; readonly safi: number; readonly nextHopAfi: number }): string {
  return `${familyWords(encoding)} by ${familyByCode(encoding.nextHopAfi, 1)?.name ?? `afi ${encoding.nextHopAfi}`}`;
}

function restartWords({ flags, restartTimeSec, families }: Extract<Capability, { readonly kind: 'gracefulRestart' }>): string {
  const restarting = (flags & 0x8) === 0 ? [] : ['restarting'];
  return ['graceful restart', `${restartTimeSec} s`, ...families.map(familyWords), ...restarting].join(' ');
}

const otherNames: ReadonlyMap<number, string> = new Map([
  [capabilityCode.addPath, 'additional paths'],
  [capabilityCode.longLivedGracefulRestart, 'long-lived graceful restart'],
]);
