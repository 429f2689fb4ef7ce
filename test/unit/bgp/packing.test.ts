import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nlriBytes } from '../../../src/bgp/attribute-encoder.ts';
import { type FamilyName, families } from '../../../src/bgp/families.ts';
import { decodeMessage, frameBody } from '../../../src/bgp/messages.ts';
import { endOfRib, type Packed, packAnnouncements, packWithdrawals, type RouteAttributes } from '../../../src/bgp/packing.ts';
import { endOfRibFamily, type UpdateMessage } from '../../../src/bgp/update.ts';
import { full, hex, toHex } from './support/wire.ts';

const withNextHop: RouteAttributes = { bytes: hex('40010100 400206 0201 0000fde8 400304 0a420001'), reach: undefined };
const withReach: RouteAttributes = { bytes: hex('40010100 400206 0201 0000fde8'), reach: ['fd66::1'] };
const hosts = (count: number) => Array.from({ length: count }, (_, i) => Uint8Array.of(32, 198, 18, i >> 8, i & 255));

const updateIn = ({ body }: Packed): UpdateMessage => decodeMessage(frameBody('update', body), full) as UpdateMessage;
const namedIn = ({ withdrawn, announced, attributes: { reach, unreach } }: UpdateMessage) => [
  ...withdrawn,
  ...(unreach?.prefixes ?? []),
  ...announced,
  ...(reach?.prefixes ?? []),
];

describe('packing', () => {
  it('brings 10,000 prefixes with the same attributes into the fewest messages', () => {
    const perMessage = Math.floor((4096 - 19 - 4 - withNextHop.bytes.length) / 5);
    const packed = packAnnouncements(families.ipv4, withNextHop, hosts(10_000), 4096);
    expect(packed).toHaveLength(Math.ceil(10_000 / perMessage));
    expect(packed).toHaveLength(13);
    expect(packWithdrawals(families.ipv4, true, hosts(10_000), 4096)).toHaveLength(
      Math.ceil(10_000 / Math.floor((4096 - 23) / 5)),
    );
  });

  it('brings them into one where the session takes extended messages', () => {
    expect(packAnnouncements(families.ipv4, withNextHop, hosts(10_000), 65_535)).toHaveLength(1);
    expect(packWithdrawals(families.ipv4, true, hosts(10_000), 65_535)).toHaveLength(1);
  });

  it('brings 10,000 IPv6 host routes into the fewest messages', () => {
    const nlri = Array.from({ length: 10_000 }, (_, i) =>
      Uint8Array.of(128, ...hex('20010db8'), ...(hosts(i + 1).at(-1) ?? []), ...hex('00'.repeat(7))),
    );
    // Flags, type, two bytes of length, AFI, SAFI, length of the next hop, the next hop, a reserved byte.
    const reachLead = 4 + 3 + 1 + 16 + 1;
    const perMessage = Math.floor((4096 - 19 - 4 - withReach.bytes.length - reachLead) / 17);
    expect(packAnnouncements(families.ipv6, withReach, nlri, 4096)).toHaveLength(Math.ceil(10_000 / perMessage));
    expect(packWithdrawals(families.ipv6, false, nlri, 4096)).toHaveLength(Math.ceil(10_000 / Math.floor((4096 - 23 - 7) / 17)));
  });

  it('loses and repeats no prefix, never withdraws beside announcing, and makes no message too long', () => {
    const prefixes = fc.array(fc.integer({ min: 0, max: 32 }), { maxLength: 3000 });
    const forms: readonly [FamilyName, RouteAttributes][] = [
      ['ipv4', withNextHop],
      ['ipv4', withReach],
      ['ipv6', withReach],
    ];
    fc.assert(
      fc.property(prefixes, fc.constantFrom(...forms), fc.constantFrom(4096, 65_535), (bits, [name, attributes], longest) => {
        const family = families[name];
        const given = bits.map((length) => new Uint8Array(1 + Math.ceil(length / 8)).fill(length, 0, 1));
        const isOld = attributes.reach === undefined;
        for (const packed of [
          packAnnouncements(family, attributes, given, longest),
          packWithdrawals(family, isOld, given, longest),
        ]) {
          const updates = packed.map(updateIn);
          expect(updates.map((update) => namedIn(update).length)).toEqual(packed.map(({ count }) => count));
          expect(toHex(nlriBytes(updates.flatMap(namedIn)))).toBe(given.map(toHex).join(''));
          for (const { body } of packed) expect(body.length).toBeLessThanOrEqual(longest - 19);
          for (const { faults } of updates) expect(faults).toEqual([]);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('gives IPv4 routes an IPv6 next hop by MP_REACH_NLRI, and two next hops where there are two', () => {
    const reach = ['fd66::1', 'fe80::1'];
    const [packed] = packAnnouncements(families.ipv4, { ...withReach, reach }, hosts(1), 4096).map(updateIn);
    expect(packed?.announced).toEqual([]);
    expect(packed?.attributes.reach).toEqual({ family: 'ipv4', nextHops: reach, prefixes: ['198.18.0.0/32'] });
    const [gone] = packWithdrawals(families.ipv4, false, hosts(1), 4096).map(updateIn);
    expect(gone?.attributes.unreach).toEqual({ family: 'ipv4', prefixes: ['198.18.0.0/32'] });
  });

  it('ends with an UPDATE of nothing, or for IPv6 one that withdraws nothing', () => {
    expect(toHex(endOfRib(families.ipv4))).toBe('00000000');
    expect(toHex(endOfRib(families.ipv6))).toBe('00000006800f03000201');
    const marks = [families.ipv4, families.ipv6].map((family) => updateIn({ body: endOfRib(family), count: 0 }));
    expect(marks.map(endOfRibFamily)).toEqual(['ipv4', 'ipv6']);
    const [routes] = packWithdrawals(families.ipv6, false, [Uint8Array.of(0)], 4096).map(updateIn);
    expect(routes === undefined ? 'none' : endOfRibFamily(routes)).toBeUndefined();
  });
});
