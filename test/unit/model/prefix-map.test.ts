import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskAddress, type Prefix, parsePrefix } from '../../../src/model/address.ts';
import { PrefixMap, prefixText } from '../../../src/model/prefix-map.ts';

const prefix = (text: string): Prefix => parsePrefix(text) ?? { address: text, length: -1 };
const mapOf = (...texts: readonly string[]): PrefixMap<string> => {
  const map = new PrefixMap<string>();
  for (const text of texts) map.set(prefix(text), text);
  return map;
};

describe('a prefix map', () => {
  it('finds what holds a prefix, the longest first, and nothing of the other family', () => {
    const map = mapOf('203.0.113.0/24', '203.0.113.0/28', '203.0.112.0/20', '198.51.100.0/24', '::/0');
    expect(map.covering(prefix('203.0.113.9'))).toEqual(['203.0.113.0/28', '203.0.113.0/24', '203.0.112.0/20']);
    expect(map.covering(prefix('203.0.113.16/28'))).toEqual(['203.0.113.0/24', '203.0.112.0/20']);
    expect(map.covering(prefix('192.0.2.1'))).toEqual([]);
    expect(map.covering(prefix('2001:db8::1'))).toEqual(['::/0']);
  });

  it('counts an equal prefix as holding itself, and a wider one as held by nobody narrower', () => {
    const map = mapOf('2001:db8::/64');
    expect(map.covering(prefix('2001:db8::/64'))).toEqual(['2001:db8::/64']);
    expect(map.covering(prefix('2001:db8::/63'))).toEqual([]);
  });

  it('finds exactly the prefixes under whose mask an address is theirs', () => {
    const short = fc
      .tuple(fc.nat(3), fc.nat(3), fc.integer({ min: 8, max: 32 }))
      .map(([third, fourth, length]): Prefix => ({ address: maskAddress(`10.0.${third}.${fourth}`, length), length }));
    fc.assert(
      fc.property(fc.array(short, { maxLength: 12 }), short, (members, asked) => {
        const map = new PrefixMap<string>();
        for (const member of members) map.set(member, prefixText(member));
        const expected = members.filter(
          ({ address, length }) => length <= asked.length && maskAddress(asked.address, length) === address,
        );
        expect([...map.covering(asked)].sort()).toEqual([...new Set(expected.map(prefixText))].sort());
      }),
    );
  });
});
