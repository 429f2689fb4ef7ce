// Messages as real routers sent them to a bare TCP peer (AS 65010, 10.66.0.11, IPv4 and IPv6 unicast, 4-octet AS),
// captured from Debian 12's packages in network namespaces. The routers were AS 65000, 10.66.0.1; the all-ones marker of
// each message is left out here. This file has what they have in common; each router's messages are in a file of its own.

import type { Capability } from '../../../../src/bgp/capabilities.ts';
import type { Message } from '../../../../src/bgp/messages.ts';
import type { AsSegment } from '../../../../src/bgp/path-attributes.ts';

export interface Golden {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly message: Message;
  /** Our encoder gives the same bytes. Not so where the router chose other flags, parameters or another order. */
  readonly builds: boolean;
}

export const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
export const golden = (name: string, text: string, message: Message): Golden => ({
  name,
  bytes: hex('ff'.repeat(16) + text),
  message,
  builds: true,
});
export const takenApart = (name: string, text: string, message: Message): Golden => ({
  ...golden(name, text, message),
  builds: false,
});

export const other = (code: number, value = ''): Capability => ({ kind: 'other', code, value: hex(value) });
export const ipv4: Capability = { kind: 'multiprotocol', afi: 1, safi: 1 };
export const ipv6: Capability = { kind: 'multiprotocol', afi: 2, safi: 1 };
export const refresh: Capability = { kind: 'routeRefresh' };
export const enhanced: Capability = { kind: 'enhancedRouteRefresh' };
export const wideAs: Capability = { kind: 'fourOctetAs', as: 65000 };
export const router = { kind: 'open', as: 65000, holdTimeSec: 9, routerId: '10.66.0.1' } as const;
export const asPath: readonly AsSegment[] = [{ kind: 'sequence', ases: [65000] }];
export const update = { kind: 'update', withdrawn: [], attributes: {}, announced: [], faults: [], discarded: [] } as const;
export const mandatory = { origin: 'igp', asPath, nextHop: '10.66.0.1' } as const;
/** What the test routes carried. */
export const tags = { communities: ['65000:100'], largeCommunities: ['65000:1:2'] } as const;
/** What the operator of the router said. */
export const lunch: Message = { kind: 'notification', code: 6, subcode: 2, data: hex('0f676f696e6720666f72206c756e6368') };
