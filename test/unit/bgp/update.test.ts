import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { families } from '../../../src/bgp/families.ts';
import { decodeMessage, encodeMessage, frameBody } from '../../../src/bgp/messages.ts';
import { countRoutes, endOfRib, packAnnouncements, packWithdrawals, type UpdateMessage } from '../../../src/bgp/update.ts';
import { update } from './support/arbitraries.ts';
import { external, hex, internal, toHex, updateOf, verdict } from './support/wire.ts';

const origin = '40 01 01 00';
const asPath = '40 02 06 02 01 0000fde8';
const nextHop = '40 03 04 0a420001';
const mandatory = origin + asPath + nextHop;
const route = '20 cb00710a';

const decoded = (attributes: string, nlri = route, context = external): UpdateMessage => {
  const message = verdict(updateOf({ attributes, nlri }), context);
  if (typeof message === 'string' || message.kind !== 'update') throw new Error(`not an UPDATE: ${JSON.stringify(message)}`);
  return message;
};

describe('an UPDATE', () => {
  it('is taken apart into routes that go, attributes and routes that come', () => {
    const bytes = updateOf({ withdrawn: '18 c00002', attributes: mandatory, nlri: `${route} 00 09 0aff` });
    expect(verdict(bytes)).toEqual({
      kind: 'update',
      withdrawn: ['192.0.2.0/24'],
      attributes: { origin: 'igp', asPath: [{ kind: 'sequence', ases: [65000] }], nextHop: '10.66.0.1' },
      announced: ['203.0.113.10/32', '0.0.0.0/0', '10.128.0.0/9'],
      faults: [],
      discarded: [],
    });
  });

  it('is built with attributes in the order of their types', () => {
    const message: UpdateMessage = {
      kind: 'update',
      withdrawn: [],
      announced: ['203.0.113.10/32'],
      attributes: {
        communities: ['65000:100'],
        med: 50,
        localPref: 200,
        origin: 'igp',
        asPath: [],
        nextHop: '10.0.0.1',
        largeCommunities: ['1:2:3'],
      },
      faults: [],
      discarded: [],
    };
    const attributes =
      '40010100 400200 4003040a000001 80040400000032 400504000000c8 c00804fde80064 c0200c000000010000000200000003';
    expect(toHex(encodeMessage(message, external))).toBe(toHex(updateOf({ attributes, nlri: route })));
  });

  it('comes back as it was built', () => {
    fc.assert(
      fc.property(update, (message) => {
        expect(decodeMessage(encodeMessage(message, internal), internal)).toEqual(message);
      }),
    );
  });

  it('carries a wide AS as AS_TRANS and AS4_PATH to a peer that has two bytes for it', () => {
    const message: UpdateMessage = {
      ...decoded(mandatory),
      attributes: { origin: 'igp', asPath: [{ kind: 'sequence', ases: [70_000, 65_000] }], nextHop: '10.0.0.1' },
    };
    const attributes = '40010100 4002060202 5ba0fde8 4003040a000001 c0110a0202 000111700000fde8';
    expect(toHex(encodeMessage(message, { fourOctetAs: false }))).toBe(toHex(updateOf({ attributes, nlri: route })));
  });

  it.each([
    ['withdrawn routes that run past the message', '0005 20cb00710a', '3/1'],
    ['attributes that run past the message', '0000 00ff 40010100', '3/1'],
    ['no room for the length of attributes', '0002 1000', '3/1'],
    ['an attribute that runs past the message', '0000 0004 4001c800', '3/1'],
    ['an unknown attribute that claims to be well-known', '0000 0004 406301aa', '3/2 406301aa'],
    ['a prefix of more bits than an address has', '0000 0000 21cb00710a00', '3/10'],
    ['a prefix cut short', '0000 0000 20cb00', '3/10'],
    ['a withdrawn prefix cut short', '0003 20cb00 0000', '3/10'],
    ['MP_REACH_NLRI cut short', '0000 0003 800e00', '3/9'],
    ['MP_REACH_NLRI twice', '0000 0010 800e050019460000 800e050019460000', '3/1'],
    ['MP_UNREACH_NLRI twice', '0000 000c 800f03000201 800f03000201', '3/1'],
    ['MP_REACH_NLRI with an odd next hop', '0000 000a 800e07 0002 01 02 fd66 00', '3/9'],
    ['MP_REACH_NLRI with a prefix cut short', `0000 001a 800e17 0002 01 10 ${'00'.repeat(16)} 00 8020`, '3/10'],
  ])('is refused: %s', (_what, body, expected) => {
    expect(verdict(frameBody('update', hex(body)))).toBe(expected);
  });
});

describe('a malformed attribute makes its routes withdrawn and leaves the session alone (RFC 7606)', () => {
  it.each([
    ['ORIGIN of no known value', `40010103${asPath}${nextHop}`],
    ['ORIGIN of two bytes', `4001020000${asPath}${nextHop}`],
    ['ORIGIN with the flags of an optional attribute', `c0010100${asPath}${nextHop}`],
    ['AS_PATH whose segment runs out', `${origin}400206 0202 0000fde8 ${nextHop}`],
    ['AS_PATH with an empty segment', `${origin}400202 0200 ${nextHop}`],
    ['AS_PATH with an unknown segment', `${origin}400206 0901 0000fde8 ${nextHop}`],
    ['NEXT_HOP of three bytes', `${origin}${asPath}400303 0a4200`],
    ['MED of three bytes', `${mandatory}800403 000000`],
    ['COMMUNITIES of five bytes', `${mandatory}c00805 0000000000`],
    ['COMMUNITIES of no bytes', `${mandatory}c00800`],
    ['large communities of eight bytes', `${mandatory}c02008 0000000000000000`],
    ['extended communities of four bytes', `${mandatory}c01004 00000000`],
    ['no ORIGIN', `${asPath}${nextHop}`],
    ['no AS_PATH', `${origin}${nextHop}`],
    ['no NEXT_HOP', `${origin}${asPath}`],
    ['an attribute that runs past the attributes, though not past the message', `${mandatory}800404`],
    ['a lone byte at the end of the attributes', `${mandatory}80`],
  ])('%s', (_what, attributes) => {
    const { faults, announced } = decoded(attributes);
    expect(faults).toHaveLength(1);
    expect(announced).toEqual(['203.0.113.10/32']);
  });

  it('from its own AS also LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST of a wrong size', () => {
    for (const attribute of ['400503 000000', '800903 000000', '800a03 000000']) {
      expect(decoded(mandatory + attribute, route, internal).faults).toHaveLength(1);
    }
  });
});

describe('an attribute is left out, and its routes stay', () => {
  it.each([
    ['ATOMIC_AGGREGATE with a value', '40060100'],
    ['AGGREGATOR of six bytes between speakers of wide ASes', 'c00706 fde80a420001'],
    ['LOCAL_PREF from another AS', '400504 00000064'],
    ['ORIGINATOR_ID from another AS', '800904 0a420001'],
    ['a second ORIGIN', '40010102'],
  ])('%s', (_what, attribute) => {
    const { faults, discarded, attributes } = decoded(mandatory + attribute);
    expect(faults).toEqual([]);
    expect(discarded).toHaveLength(1);
    expect(attributes.origin).toBe('igp');
  });

  it('optional attributes nobody here knows are kept as bytes', () => {
    expect(decoded(`${mandatory}c06302aabb`).attributes.others).toEqual([{ type: 99, flags: 0xc0, value: hex('aabb') }]);
  });

  it('routes of a family nobody here knows are passed over', () => {
    const message = decoded(`${origin}${asPath}800e07 0019 46 02 aabb 00`, '');
    expect(countRoutes(message)).toEqual({ announced: 0, withdrawn: 0 });
    expect(message.faults).toEqual([]);
  });
});

describe('packing', () => {
  const nlri = (count: number) => Array.from({ length: count }, (_, i) => Uint8Array.of(32, 198, 18, i >> 8, i & 255));
  const attributes = { bytes: hex(mandatory), nextHop: 'fd66::1' };

  it('brings 10,000 prefixes with the same attributes into the fewest messages', () => {
    const packed = packAnnouncements(families.ipv4, attributes, nlri(10_000));
    const perMessage = Math.floor((4096 - 19 - 4 - attributes.bytes.length) / 5);
    expect(packed).toHaveLength(Math.ceil(10_000 / perMessage));
    expect(packWithdrawals(families.ipv4, nlri(10_000))).toHaveLength(Math.ceil(10_000 / Math.floor((4096 - 23) / 5)));
  });

  it('loses and repeats no prefix, and no message is too long', () => {
    const prefixes = fc.array(fc.integer({ min: 0, max: 32 }), { maxLength: 3000 });
    fc.assert(
      fc.property(prefixes, fc.constantFrom('ipv4' as const, 'ipv6' as const), (bits, name) => {
        const given = bits.map((length) => new Uint8Array(1 + Math.ceil(length / 8)).fill(length, 0, 1));
        for (const packed of [packAnnouncements(families[name], attributes, given), packWithdrawals(families[name], given)]) {
          const messages = packed.map(({ body }) => decodeMessage(frameBody('update', body), external) as UpdateMessage);
          const counts = messages.map(countRoutes).map(({ announced, withdrawn }) => announced + withdrawn);
          expect(counts).toEqual(packed.map(({ count }) => count));
          expect(counts.reduce((sum, count) => sum + count, 0)).toBe(given.length);
          for (const { body } of packed) expect(body.length).toBeLessThanOrEqual(4096 - 19);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('ends with an UPDATE of nothing, or for IPv6 one that withdraws nothing', () => {
    expect(toHex(endOfRib(families.ipv4))).toBe('00000000');
    expect(toHex(endOfRib(families.ipv6))).toBe('00000006800f03000201');
  });
});
