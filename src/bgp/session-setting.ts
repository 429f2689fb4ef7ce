// What the document means for one peer's session: what its state machine offers, and how its routes are told. Pure.

import { zoneOf } from '../model/address.ts';
import type { PeerConfig, SpeakerConfig } from '../model/peer.ts';
import { familyOfAddress, families as knownFamilies } from './families.ts';
import type { FsmConfig } from './fsm-types.ts';
import type { Negotiated } from './negotiate.ts';
import { nextHopsOf } from './next-hops.ts';
import type { OutboundSetting } from './outbound.ts';
import { onlyToCustomerSent } from './roles.ts';

export function fsmConfig(
  { localAs, routerId }: SpeakerConfig,
  { as, address, holdTimeSec, passive, families, role }: PeerConfig,
  hostname: string | undefined,
): FsmConfig {
  const own = familyOfAddress(address);
  return {
    localAs,
    routerId,
    holdTimeSec,
    families: families === undefined ? [own] : Object.values(knownFamilies).filter(({ name }) => families.includes(name)),
    transport: own.name,
    role,
    hostname,
    peerAs: as,
    passive,
  };
}

export interface SessionFacts {
  readonly localAddress: string;
  readonly negotiated: Negotiated;
  readonly draining: boolean;
  /** Canonical addresses of a device of this host. */
  readonly addressesOf: (device: string) => readonly string[];
}

export function outboundSetting(
  { localAs, nextHop4, nextHop6 }: SpeakerConfig,
  { as, policy, role }: PeerConfig,
  { localAddress, negotiated, draining, addressesOf }: SessionFacts,
): OutboundSetting {
  const { fourOctetAs, families, ipv4OverIpv6 } = negotiated;
  const device = zoneOf(localAddress);
  const isNextHop6OnLink = nextHop6 !== undefined && device !== undefined && addressesOf(device).includes(nextHop6);
  return {
    localAs,
    internal: localAs === as,
    fourOctetAs,
    peerPolicy: policy,
    draining,
    onlyToCustomer: onlyToCustomerSent(role, localAs),
    nextHops: nextHopsOf(families, { localAddress, nextHop4, nextHop6, isNextHop6OnLink, ipv4OverIpv6 }),
  };
}
