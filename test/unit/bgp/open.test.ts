import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../../src/bgp/messages.ts';
import { judgeOpen, type OpenMessage } from '../../../src/bgp/open.ts';
import { open } from './support/arbitraries.ts';
import { external, messageOf, toHex, verdict, verdictOf } from './support/wire.ts';

const plain: OpenMessage = { kind: 'open', as: 65010, holdTimeSec: 9, routerId: '10.66.0.11', capabilities: [] };

describe('an OPEN', () => {
  it('is taken apart into who the peer is and what it can do', () => {
    const bytes = messageOf(1, '04 5ba0 00b4 c0000201 10 02 0e 0104 0001 0001 0200 4104 fffffff0');
    expect(verdict(bytes)).toEqual({
      kind: 'open',
      as: 0xffff_fff0,
      holdTimeSec: 180,
      routerId: '192.0.2.1',
      capabilities: [
        { kind: 'multiprotocol', afi: 1, safi: 1 },
        { kind: 'routeRefresh' },
        { kind: 'fourOctetAs', as: 0xffff_fff0 },
      ],
    });
  });

  it('is built with AS_TRANS where the AS does not fit, and without parameters where there are no capabilities', () => {
    expect(toHex(encodeMessage({ ...plain, as: 70_000 }, external)).slice(32)).toBe('001d01045ba000090a42000b00');
    expect(toHex(encodeMessage(plain, external)).slice(32)).toBe('001d0104fdf200090a42000b00');
  });

  it('comes back as it was built', () => {
    fc.assert(
      fc.property(open, (message) => {
        expect(decodeMessage(encodeMessage(message, external), external)).toEqual(message);
      }),
    );
  });

  it.each([
    ['another version, whatever follows it', '03 fde8 0009 0a420001 ff', '2/1 0004'],
    ['an optional parameter that is not capabilities', '04 fde8 0009 0a420001 04 01 02 0000', '2/4'],
    ['a parameter that runs past the message', '04 fde8 0009 0a420001 04 02 06 4600', '2/0'],
    ['a total length that leaves bytes over', '04 fde8 0009 0a420001 00 02 00', '2/0'],
    ['a total length that promises more', '04 fde8 0009 0a420001 08 02 02 4600', '2/0'],
    ['a capability that runs past its parameter', '04 fde8 0009 0a420001 04 02 02 4604', '2/0'],
    ['a parameter of one byte', '04 fde8 0009 0a420001 01 02', '2/0'],
    ['the long form, cut short', '04 fde8 0009 0a420001 ff ff 00', '2/0'],
  ])('is refused: %s', (_what, body, expected) => {
    expect(verdict(messageOf(1, body))).toBe(expected);
  });

  it('may carry its parameters in the long form of RFC 9072', () => {
    const bytes = messageOf(1, '04 fde8 0009 0a420001 ff ff 0005 02 0002 4600');
    expect(verdict(bytes)).toMatchObject({ capabilities: [{ kind: 'enhancedRouteRefresh' }] });
  });

  it('may repeat a capability and carry ones of impossible length, which count as unknown', () => {
    const bytes = messageOf(1, '04 fde8 0009 0a420001 0c 02 0a 0200 0200 4102 0001 0100');
    expect(verdict(bytes)).toMatchObject({
      as: 65000,
      capabilities: [{ kind: 'routeRefresh' }, { kind: 'routeRefresh' }, { kind: 'other', code: 65 }, { kind: 'other', code: 1 }],
    });
  });
});

describe('judging the content of an OPEN', () => {
  const external65000 = { localAs: 65010, routerId: '10.66.0.11', peerAs: 65000, role: undefined };
  const router: OpenMessage = { ...plain, as: 65000, routerId: '10.66.0.1' };

  it.each([
    ['the AS of somebody else', { ...router, as: 65001 }, external65000, '2/2'],
    ['no identifier', { ...router, routerId: '0.0.0.0' }, external65000, '2/3'],
    [
      'our own identifier from our own AS',
      { ...router, as: 65010, routerId: '10.66.0.11' },
      { ...external65000, peerAs: 65010 },
      '2/3',
    ],
    ['a hold time of one second', { ...router, holdTimeSec: 1 }, external65000, '2/6'],
    ['a hold time of two seconds', { ...router, holdTimeSec: 2 }, external65000, '2/6'],
  ])('refuses %s', (_what, message, expectation, expected) => {
    expect(verdictOf(() => judgeOpen(message, expectation))).toBe(expected);
  });

  it.each([
    ['the configured peer', router],
    ['a hold time of zero', { ...router, holdTimeSec: 0 }],
    ['a hold time of three seconds', { ...router, holdTimeSec: 3 }],
    ['our own identifier from another AS (RFC 6286)', { ...router, routerId: '10.66.0.11' }],
  ])('accepts %s', (_what, message) => {
    expect(verdictOf(() => judgeOpen(message, external65000))).toBeUndefined();
  });
});
