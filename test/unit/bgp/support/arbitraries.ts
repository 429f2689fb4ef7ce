// Random BGP messages for property tests: every one is legal, so that building and taking apart must give it back.

import fc from 'fast-check';
import type { Capability } from '../../../../src/bgp/capabilities.ts';
import { wireAddressText } from '../../../../src/bgp/families.ts';
import type { Message } from '../../../../src/bgp/messages.ts';
import type { NotificationMessage } from '../../../../src/bgp/notification.ts';
import type { OpenMessage } from '../../../../src/bgp/open.ts';
import type { AsSegment, PathAttributes } from '../../../../src/bgp/path-attributes.ts';
import type { UpdateMessage } from '../../../../src/bgp/update.ts';
import { maskAddress } from '../../../../src/model/address.ts';

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u8 = fc.integer({ min: 0, max: 0xff });
// AS 0 is nobody's (RFC 7607).
const as = fc.integer({ min: 1, max: 0xffff_ffff });

const ipv4Address = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(wireAddressText);
const ipv4Host = fc.tuple(fc.integer({ min: 1, max: 223 }), u8, u8, u8).map((bytes) => bytes.join('.'));
// In 2000::/3, away from the mapped form whose text is IPv4's.
const ipv6Address = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => wireAddressText(Uint8Array.of(0x20, ...bytes.subarray(1))));

export const ipv4Prefix = fc
  .tuple(ipv4Address, fc.integer({ min: 0, max: 32 }))
  .map(([address, bits]) => `${maskAddress(address, bits)}/${bits}`);
export const ipv6Prefix = fc
  .tuple(ipv6Address, fc.integer({ min: 8, max: 128 }))
  .map(([address, bits]) => `${maskAddress(address, bits)}/${bits}`);

const hostname = fc.stringMatching(/^[a-z0-9.-]{0,64}$/);

export const capability: fc.Arbitrary<Capability> = fc.oneof(
  fc.record({ kind: fc.constant('multiprotocol' as const), afi: u16, safi: fc.integer({ min: 0, max: 255 }) }),
  fc.constantFrom<Capability>({ kind: 'routeRefresh' }, { kind: 'extendedMessage' }, { kind: 'enhancedRouteRefresh' }),
  fc.record({
    kind: fc.constant('extendedNextHop' as const),
    encodings: fc.array(fc.record({ afi: u16, safi: u16, nextHopAfi: u16 }), { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('role' as const), role: u8 }),
  fc.record({
    kind: fc.constant('gracefulRestart' as const),
    flags: fc.integer({ min: 0, max: 15 }),
    restartTimeSec: fc.integer({ min: 0, max: 4095 }),
    families: fc.array(fc.record({ afi: u16, safi: u8, flags: u8 }), { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('hostname' as const), hostname, domain: hostname }),
  fc.record({
    kind: fc.constant('other' as const),
    code: fc.integer({ min: 74, max: 255 }),
    value: fc.uint8Array({ maxLength: 60 }),
  }),
);

/** At most about 1300 bytes of capabilities: sometimes more than the short form of OPEN can hold. */
export const open: fc.Arbitrary<OpenMessage> = fc
  .record({
    as: fc.integer({ min: 1, max: 0xffff_ffff }),
    holdTimeSec: u16,
    routerId: ipv4Address,
    capabilities: fc.array(capability, { maxLength: 20 }),
  })
  .map(({ capabilities, ...open }) => ({
    kind: 'open',
    ...open,
    capabilities: [...capabilities, { kind: 'fourOctetAs', as: open.as }],
  }));

const segment: fc.Arbitrary<AsSegment> = fc.record({
  kind: fc.constantFrom('set' as const, 'sequence' as const),
  ases: fc.array(as, { minLength: 1, maxLength: 20 }),
});
const community = fc.tuple(u16, u16).map((parts) => parts.join(':'));
const largeCommunity = fc.tuple(u32, u32, u32).map((parts) => parts.join(':'));

export const attributes: fc.Arbitrary<PathAttributes> = fc.record(
  {
    origin: fc.constantFrom('igp' as const, 'egp' as const, 'incomplete' as const),
    asPath: fc.array(segment, { maxLength: 3 }),
    nextHop: ipv4Host,
    med: u32,
    localPref: u32,
    atomicAggregate: fc.constant(true),
    aggregator: fc.record({ as, address: ipv4Address }),
    communities: fc.array(community, { minLength: 1, maxLength: 80 }),
    largeCommunities: fc.array(largeCommunity, { minLength: 1, maxLength: 30 }),
    onlyToCustomer: u32,
    reach: fc.record({
      family: fc.constant('ipv6' as const),
      nextHops: fc.array(ipv6Address, { minLength: 1, maxLength: 2 }),
      prefixes: fc.array(ipv6Prefix, { maxLength: 30 }),
    }),
    unreach: fc.record({ family: fc.constant('ipv6' as const), prefixes: fc.array(ipv6Prefix, { maxLength: 30 }) }),
  },
  { requiredKeys: ['origin', 'asPath', 'nextHop'] },
);

export const update: fc.Arbitrary<UpdateMessage> = fc.record({
  kind: fc.constant('update' as const),
  withdrawn: fc.array(ipv4Prefix, { maxLength: 50 }),
  attributes,
  announced: fc.array(ipv4Prefix, { maxLength: 50 }),
  faults: fc.constant([]),
  discarded: fc.constant([]),
});

export const notification: fc.Arbitrary<NotificationMessage> = fc.record({
  kind: fc.constant('notification' as const),
  code: fc.integer({ min: 0, max: 255 }),
  subcode: fc.integer({ min: 0, max: 255 }),
  data: fc.uint8Array({ maxLength: 300 }),
});

export const message: fc.Arbitrary<Message> = fc.oneof(
  open,
  update,
  notification,
  fc.constant({ kind: 'keepalive' as const }),
  fc.record({ kind: fc.constant('routeRefresh' as const), afi: u16, safi: fc.nat({ max: 255 }), subtype: fc.nat({ max: 255 }) }),
);
