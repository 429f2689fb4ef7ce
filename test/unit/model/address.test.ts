import { isIP, isIPv4 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressBytes,
  addressText,
  compareAddresses,
  familyOf,
  isLinkLocal,
  maskAddress,
  parseAddress,
  parsePrefix,
  parseScopedAddress,
  withoutZone,
  zoneOf,
} from '../../../src/model/address.ts';
import { canonicalVipName, localVipName, parsePorts, parseVipName, vipName } from '../../../src/model/vip.ts';

const address = fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => parseAddress(text) ?? '::');
const words = fc.tuple(fc.integer({ min: 1, max: 65535 }), fc.integer({ min: 1, max: 65535 }));

describe('an address', () => {
  it('has one text, whatever form it was written in', () => {
    expect(parseAddress('2001:DB8:0:0:0::10')).toBe('2001:db8::10');
    expect(parseAddress('203.0.113.10')).toBe('203.0.113.10');
  });

  it.each([
    '010.0.0.1',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    'fe80::1%eth0',
    '',
    ' 1.2.3.4',
    '::g',
    '::ffff:1.2.3.4',
    '::FFFF:102:304',
  ])('is not %j', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('is a dotted quad wherever others see one', () => {
    const parts = fc.array(
      fc.oneof(fc.nat(300).map(String), fc.constantFrom('', '0', '00', '01', '-1', 'a', ' 1', '1e1', '１')),
      { minLength: 3, maxLength: 5 },
    );
    fc.assert(fc.property(parts, (each) => (parseAddress(each.join('.')) !== undefined) === isIPv4(each.join('.'))));
    fc.assert(
      fc.property(fc.string(), (text) => (parseAddress(text) !== undefined) === (isIP(text) !== 0 && !text.includes('%'))),
    );
  });

  it('survives its 16 bytes', () => {
    fc.assert(fc.property(fc.ipV4(), (text) => addressText(addressBytes(text)) === text));
    expect([...addressBytes('10.1.2.3')]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 2, 3]);
    expect(addressText(addressBytes('2001:db8::1'))).toBe('2001:db8::1');
  });

  it('is ordered by value, not by text', () => {
    expect(compareAddresses('10.0.0.9', '10.0.0.10')).toBeLessThan(0);
    fc.assert(
      fc.property(address, address, (a, b) => compareAddresses(a, b) === Buffer.compare(addressBytes(a), addressBytes(b))),
    );
  });
});

describe('an address with its device', () => {
  it('is a link-local one, and no other', () => {
    expect(parseScopedAddress('FE80:0::1%eth0.100')).toBe('fe80::1%eth0.100');
    expect(parseScopedAddress('2001:DB8::1')).toBe('2001:db8::1');
    expect(parseScopedAddress('10.0.0.1')).toBe('10.0.0.1');
    for (const text of ['fe80::1', 'fe80::1%', 'fe80::1%a b', 'fe80::1%e0%e1', '2001:db8::1%eth0', '10.0.0.1%eth0', 'febf::1']) {
      expect(parseScopedAddress(text)).toBeUndefined();
    }
  });

  it('is that address wherever only the address counts', () => {
    expect(withoutZone('fe80::1%eth0')).toBe('fe80::1');
    expect(withoutZone('10.0.0.1')).toBe('10.0.0.1');
    expect(zoneOf('fe80::1%eth0')).toBe('eth0');
    expect(zoneOf('10.0.0.1')).toBeUndefined();
    expect(familyOf('fe80::1%eth0')).toBe(6);
    expect(addressBytes('fe80::1%eth0')).toEqual(addressBytes('fe80::1'));
    expect(isLinkLocal('febf::1%eth0')).toBe(true);
    expect([isLinkLocal('fec0::1'), isLinkLocal('2001:db8::1'), isLinkLocal('169.254.0.1')]).toEqual([false, false, false]);
  });
});

describe('a prefix', () => {
  it('has no host bits', () => {
    expect(parsePrefix('203.0.113.0/24')).toEqual({ address: '203.0.113.0', length: 24 });
    expect(parsePrefix('203.0.113.1/24')).toBeUndefined();
    expect(parsePrefix('203.0.113.1')).toEqual({ address: '203.0.113.1', length: 32 });
    expect(parsePrefix('2001:db8::/33')).toEqual({ address: '2001:db8::', length: 33 });
    expect(parsePrefix('10.0.0.0/33')).toBeUndefined();
    expect(parsePrefix('10.0.0.0/024')).toBeUndefined();
  });

  it('keeps the first bits and clears the others', () => {
    const bitsOf = (text: string): string => [...addressBytes(text)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    const given = fc.oneof(fc.tuple(fc.ipV4(), fc.nat(32)), fc.tuple(fc.ipV6(), fc.nat(128)));
    fc.assert(
      fc.property(given, ([text, length]) => {
        const address = parseAddress(text) ?? '';
        if (text.includes(':') && familyOf(addressText(addressBytes(address))) === 4) return;
        const kept = familyOf(address) === 4 ? 96 + length : length;
        expect(bitsOf(maskAddress(address, length))).toBe(bitsOf(address).slice(0, kept).padEnd(128, '0'));
      }),
    );
    expect(maskAddress('255.255.255.255', 0)).toBe('0.0.0.0');
    expect(maskAddress('255.255.255.255', 32)).toBe('255.255.255.255');
  });

  it('masked twice is masked once', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.nat(32), (text, length) => {
        const once = maskAddress(text, length);
        expect(maskAddress(once, length)).toBe(once);
        expect(parsePrefix(`${once}/${length}`)).toEqual({ address: once, length });
      }),
    );
  });
});

describe('the name of a VIP', () => {
  it.each([
    '203.0.113.10:80/tcp',
    '[2001:db8::10]:443/tcp',
    '203.0.113.10:*/udp',
    '203.0.113.10:8000-8100/tcp',
    '203.0.113.0/24:80/tcp',
  ])('%s is read as it is written', (name) => {
    const parts = parseVipName(name);
    expect(parts && vipName(parts.prefix, parts.ports, parts.protocol)).toBe(name);
  });

  it.each([
    ['203.0.113.53', '203.0.113.53'],
    ['203.0.113.53/32', '203.0.113.53'],
    ['203.0.113.0/24', '203.0.113.0/24'],
    ['2001:DB8:0::53', '2001:db8::53'],
    ['[2001:db8::53]', '2001:db8::53'],
    ['[2001:DB8::53]:*/udp', '[2001:db8::53]:*/udp'],
    ['203.0.113.10:80/tcp', '203.0.113.10:80/tcp'],
  ])('written as %s is %s', (text, name) => {
    expect(canonicalVipName(text)).toBe(name);
  });

  it('of mode local is its address, or that and its protocol', () => {
    fc.assert(
      fc.property(address, fc.constantFrom('tcp' as const, 'udp' as const, null), (text, protocol) => {
        const prefix = parsePrefix(text);
        if (prefix === undefined) throw new Error(`expected ${text} to be a host prefix`);
        const name = localVipName(prefix, protocol);
        expect(canonicalVipName(name)).toBe(name);
        expect(name).toContain(text);
      }),
    );
  });

  it.each(['203.0.113.53:53', '203.0.113.53/33', '203.0.113.53/24', 'dns', '', '[]'])('is not %j', (text) => {
    expect(canonicalVipName(text)).toBeUndefined();
  });

  it('says all of the VIP', () => {
    fc.assert(
      fc.property(address, words, fc.constantFrom('tcp' as const, 'udp' as const), (text, [a, b], protocol) => {
        const prefix = parsePrefix(text);
        if (prefix === undefined) throw new Error(`expected ${text} to be a host prefix`);
        const ports = { first: Math.min(a, b), last: Math.max(a, b) };
        expect(parseVipName(vipName(prefix, ports, protocol))).toEqual({ prefix, ports, protocol });
      }),
    );
  });

  it('has no port 0, no reversed range and no port above 65535', () => {
    expect(['0', '90-80', '65536', '80-', '-80', '80-90-100', '0-80', '0080', '80-090'].map(parsePorts)).toEqual(
      Array(9).fill(undefined),
    );
  });
});
