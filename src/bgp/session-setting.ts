// What the document means for one peer's session: what its state machine offers, and how its routes are told. Pure.

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
}

export function outboundSetting(
  { localAs, nextHop4, nextHop6 }: SpeakerConfig,
  { as, policy, role }: PeerConfig,
  { localAddress, negotiated, draining }: SessionFacts,
): OutboundSetting {
  const { fourOctetAs, families, ipv4OverIpv6 } = negotiated;
  return {
    localAs,
    internal: localAs === as,
    fourOctetAs,
    peerPolicy: policy,
    draining,
    onlyToCustomer: onlyToCustomerSent(role, localAs),
    nextHops: nextHopsOf(families, { localAddress, nextHop4, nextHop6, ipv4OverIpv6 }),
  };
}
