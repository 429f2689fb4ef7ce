import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Capability, decodeCapabilities, encodeCapabilities } from '../../../src/bgp/capabilities.ts';
import { describeCapability } from '../../../src/bgp/capability-words.ts';
import { capability } from './support/arbitraries.ts';
import { hex, toHex } from './support/wire.ts';

const known: readonly [string, string, Capability][] = [
  ['multiprotocol', '0104 0002 00 01', { kind: 'multiprotocol', afi: 2, safi: 1 }],
  ['route refresh', '0200', { kind: 'routeRefresh' }],
  ['extended next hop', '0506 0001 0001 0002', { kind: 'extendedNextHop', encodings: [{ afi: 1, safi: 1, nextHopAfi: 2 }] }],
  ['extended message', '0600', { kind: 'extendedMessage' }],
  ['role', '0901 04', { kind: 'role', role: 4 }],
  [
    'graceful restart',
    '4006 c078 0001 01 80',
    { kind: 'gracefulRestart', flags: 0xc, restartTimeSec: 120, families: [{ afi: 1, safi: 1, flags: 0x80 }] },
  ],
  ['4-octet AS', '4104 fffffff0', { kind: 'fourOctetAs', as: 0xffff_fff0 }],
  ['enhanced route refresh', '4600', { kind: 'enhancedRouteRefresh' }],
  ['hostname', '490c 03 6c6231 07 6578616d706c65', { kind: 'hostname', hostname: 'lb1', domain: 'example' }],
  ['one nobody knows', 'c702 aabb', { kind: 'other', code: 199, value: hex('aabb') }],
];

describe('a capability', () => {
  it.each(known)('is taken apart and built: %s', (_name, bytes, capability) => {
    expect(decodeCapabilities(hex(bytes))).toEqual([capability]);
    expect(toHex(encodeCapabilities([capability]))).toBe(toHex(hex(bytes)));
  });

  it('comes back as it was built', () => {
    fc.assert(
      fc.property(fc.array(capability), (capabilities) => {
        expect(decodeCapabilities(encodeCapabilities(capabilities))).toEqual(capabilities);
      }),
    );
  });

  it.each([
    '0103 000200',
    '0201 00',
    '0505 0001000100',
    '0601 00',
    '0900',
    '0902 0000',
    '4001 00',
    '4003 007800',
    '4102 0001',
    '4601 00',
    '4902 0201',
    '4903 0000ff',
  ])('of an impossible length is kept as bytes: %s', (bytes) => {
    expect(decodeCapabilities(hex(bytes))).toMatchObject([{ kind: 'other', code: hex(bytes)[0] }]);
  });

  it('is not read past the end of its parameter', () => {
    for (const bytes of ['41', '4104', '4104 0000', '0200 41']) expect(decodeCapabilities(hex(bytes))).toBeUndefined();
  });

  it('shows a host’s name without its control characters', () => {
    const [named] = decodeCapabilities(hex('4905 03 1b5b41 00')) ?? [];
    expect(named === undefined ? '' : describeCapability(named)).toBe('hostname ?[A');
  });

  it('of any bytes is readable or nothing, and always has words', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        for (const one of decodeCapabilities(bytes) ?? []) expect(describeCapability(one)).not.toBe('');
      }),
    );
  });
});
