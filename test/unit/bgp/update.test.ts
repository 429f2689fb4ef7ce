import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage, frameBody } from '../../../src/bgp/messages.ts';
import type { UpdateMessage } from '../../../src/bgp/update.ts';
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

  it('comes back with wide ASes over a session of narrow ones', () => {
    const narrow = { ...internal, fourOctetAs: false };
    fc.assert(
      fc.property(update, (message) => {
        const { aggregator, ...attributes } = message.attributes;
        const plain = { ...message, attributes };
        expect(decodeMessage(encodeMessage(plain, narrow), narrow)).toEqual(plain);
        const wide = { ...attributes, aggregator: { as: 70_000, address: '10.0.0.1', ...aggregator } };
        const found = decodeMessage(encodeMessage({ ...message, attributes: wide }, narrow), narrow) as UpdateMessage;
        expect(found.attributes.aggregator).toEqual(wide.aggregator);
      }),
    );
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
    ['MP_REACH_NLRI cut short', '0000 0003 800e00', '3/9 800e00'],
    ['MP_REACH_NLRI with the flags of a transitive attribute', '0000 0008 c00e05 0019 46 00 00', '3/9 c00e050019460000'],
    ['MP_UNREACH_NLRI cut short', '0000 0005 800f02 0002', '3/9 800f020002'],
    ['MP_UNREACH_NLRI with the flags of a well-known attribute', '0000 0006 400f03 000201', '3/9 400f03000201'],
    ['MP_REACH_NLRI twice', '0000 0010 800e050019460000 800e050019460000', '3/1'],
    ['MP_UNREACH_NLRI twice', '0000 000c 800f03000201 800f03000201', '3/1'],
    ['MP_REACH_NLRI with an odd next hop', '0000 000a 800e07 0002 01 02 fd66 00', '3/9 800e0700020102fd6600'],
    ['MP_REACH_NLRI with a prefix cut short', `0000 001a 800e17 0002 01 10 ${'00'.repeat(16)} 00 8020`, '3/10'],
  ])('is refused: %s', (_what, body, expected) => {
    expect(verdict(frameBody('update', hex(body)))).toBe(expected);
  });
});

describe('a malformed attribute ends the session where there is no route that could count as withdrawn (RFC 7606 5.2)', () => {
  it.each([
    ['ORIGIN of no known value', '40010103', '3/6 40010103'],
    ['ORIGIN of two bytes', '4001020000', '3/5 4001020000'],
    ['MED with the flags of a transitive attribute', 'c0040400000000', '3/4 c0040400000000'],
    ['AS_PATH with an empty segment', '400202 0200', '3/11'],
    ['an attribute cut short', `${mandatory}80`, '3/1'],
  ])('%s', (_what, attributes, expected) => {
    expect(verdict(updateOf({ attributes }))).toBe(expected);
    expect(verdict(updateOf({ attributes, withdrawn: route }))).toBe(expected);
    expect(decoded(attributes).faults).not.toEqual([]);
  });

  it('also beside MP_UNREACH_NLRI, and beside MP_REACH_NLRI without routes', () => {
    expect(verdict(updateOf({ attributes: '800f03 000201 40010103' }))).toBe('3/6 40010103');
    const noRoutes = `800e15 0002 01 10 ${'20'.repeat(16)} 00`;
    expect(verdict(updateOf({ attributes: `${noRoutes} 40010103` }))).toBe('3/6 40010103');
    const routes = `800e16 0002 01 10 ${'20'.repeat(16)} 00 00`;
    expect(decoded(`${routes} 40010103 ${asPath}`, '').faults).toHaveLength(1);
  });

  it('but not where the attribute alone is left out', () => {
    expect(decoded('40060100', '').discarded).toHaveLength(1);
  });

  it('nor for NEXT_HOP, which is about nothing there', () => {
    expect(decoded('400303 0a4200', '').faults).toEqual([]);
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
    ['NEXT_HOP that is no address', `${origin}${asPath}400304 00000000`],
    ['NEXT_HOP that is a group', `${origin}${asPath}400304 e0000001`],
    ['NEXT_HOP that is everybody', `${origin}${asPath}400304 ffffffff`],
    ['AS_PATH with AS 0', `${origin}400206 0201 00000000 ${nextHop}`],
    ['AS_PATH with a segment of a confederation', `${origin}400206 0301 0000fde8 ${nextHop}`],
    ['MED of three bytes', `${mandatory}800403 000000`],
    ['COMMUNITIES of five bytes', `${mandatory}c00805 0000000000`],
    ['COMMUNITIES of no bytes', `${mandatory}c00800`],
    ['large communities of eight bytes', `${mandatory}c02008 0000000000000000`],
    ['extended communities of four bytes', `${mandatory}c01004 00000000`],
    ['IPv6 extended communities of eight bytes', `${mandatory}c01908 0000000000000000`],
    ['ONLY_TO_CUSTOMER of two bytes', `${mandatory}c02302 fde8`],
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
    ['AGGREGATOR with AS 0', 'c00708 00000000 0a420001'],
    ['AS4_PATH between speakers of wide ASes', 'c01106 0201 00011170'],
    ['AS4_AGGREGATOR between speakers of wide ASes', 'c01208 00011170 0a420001'],
    ['LOCAL_PREF from another AS', '400504 00000064'],
    ['ORIGINATOR_ID from another AS', '800904 0a420001'],
    ['a second ORIGIN', '40010102'],
  ])('%s', (_what, attribute) => {
    const { faults, discarded, attributes } = decoded(mandatory + attribute);
    expect(faults).toEqual([]);
    expect(discarded).toHaveLength(1);
    expect(attributes.origin).toBe('igp');
  });

  it('from a speaker of narrow ASes also AS4_PATH and AS4_AGGREGATOR that are malformed', () => {
    const narrow = { ...external, fourOctetAs: false };
    const attributes = `${origin}400204 0201 fde8 ${nextHop}`;
    for (const attribute of [
      'c01105 0201 000111',
      'c01102 0200',
      'c01106 0901 00011170',
      'c01106 0201 00000000',
      'c01204 00011170',
    ]) {
      const { faults, discarded, attributes: found } = decoded(attributes + attribute, route, narrow);
      expect([faults, discarded.length]).toEqual([[], 1]);
      expect(found.asPath).toEqual([{ kind: 'sequence', ases: [65000] }]);
    }
  });

  it('optional attributes nobody here knows are kept as bytes', () => {
    expect(decoded(`${mandatory}c06302aabb`).attributes.others).toEqual([{ type: 99, flags: 0xc0, value: hex('aabb') }]);
  });

  it('routes of a family nobody here knows are passed over', () => {
    const { announced, attributes, faults } = decoded(`${origin}${asPath}800e07 0019 46 02 aabb 00`, '');
    expect([announced, faults]).toEqual([[], []]);
    expect(attributes).not.toHaveProperty('reach');
  });
});
