import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../../src/bgp/messages.ts';
import { external, hex, messageOf, toHex, verdict } from './support/wire.ts';

const marker = 'ff'.repeat(16);

describe('a KEEPALIVE', () => {
  it('is taken apart into nothing', () => {
    expect(verdict(messageOf(4, ''))).toEqual({ kind: 'keepalive' });
  });

  it('is built as a bare header', () => {
    expect(toHex(encodeMessage({ kind: 'keepalive' }, external))).toBe(`${marker}001304`);
  });

  it('comes back as it was built', () => {
    expect(decodeMessage(encodeMessage({ kind: 'keepalive' }, external), external)).toEqual({ kind: 'keepalive' });
  });

  it('is refused with a body', () => {
    expect(verdict(messageOf(4, '00'))).toBe('1/2 0014');
  });
});

describe('a ROUTE-REFRESH', () => {
  const refresh = { kind: 'routeRefresh', afi: 2, safi: 1, subtype: 0 } as const;

  it('is taken apart into the family it asks for', () => {
    expect(verdict(messageOf(5, '0002 00 01'))).toEqual(refresh);
    expect(verdict(messageOf(5, '0001 02 01'))).toEqual({ ...refresh, afi: 1, subtype: 2 });
  });

  it('is built with the subtype between the family’s two halves', () => {
    expect(toHex(encodeMessage(refresh, external))).toBe(`${marker}00170500020001`);
  });

  it('comes back as it was built', () => {
    fc.assert(
      fc.property(fc.nat({ max: 0xffff }), fc.nat({ max: 255 }), fc.nat({ max: 255 }), (afi, safi, subtype) => {
        const message = { kind: 'routeRefresh', afi, safi, subtype } as const;
        expect(decodeMessage(encodeMessage(message, external), external)).toEqual(message);
      }),
    );
  });

  it('is refused when it is too short, and read without the filters that may follow it', () => {
    expect(verdict(messageOf(5, '000200'))).toBe('1/2 0016');
    expect(verdict(messageOf(5, '0002 00 01 01 80 0001 00'))).toEqual(refresh);
  });
});

describe('a message that is not as long as it says', () => {
  it('is refused with the length it gave', () => {
    expect(verdict(hex(`${marker} 0017 05 0001 00`))).toBe('1/2 0017');
  });
});
