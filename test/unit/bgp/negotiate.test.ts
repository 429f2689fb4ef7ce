import { describe, expect, it } from 'vitest';
import { type Capability, encodeCapability } from '../../../src/bgp/capabilities.ts';
import { describeCapability } from '../../../src/bgp/capability-words.ts';
import { families } from '../../../src/bgp/families.ts';
import { makeOpen, negotiate, type Offer, omissionAfter, omitNothing } from '../../../src/bgp/negotiate.ts';
import { notification } from '../../../src/bgp/notification.ts';
import { routerOpen } from './support/fake-network.ts';
import { hex } from './support/wire.ts';

const offer: Offer = {
  localAs: 65010,
  routerId: '10.66.0.11',
  holdTimeSec: 9,
  families: [families.ipv4],
  transport: 'ipv4',
  role: undefined,
  hostname: undefined,
};
const both = [families.ipv4, families.ipv6];
const ours = makeOpen(offer, omitNothing);
const bare = { ...routerOpen, capabilities: [] };
const ipv4: Capability = { kind: 'multiprotocol', afi: 1, safi: 1 };
const ipv6: Capability = { kind: 'multiprotocol', afi: 2, safi: 1 };
const overIpv6: Capability = { kind: 'extendedNextHop', encodings: [{ afi: 1, safi: 1, nextHopAfi: 2 }] };

describe('an offer', () => {
  const words = (overrides: Partial<Offer>) =>
    makeOpen({ ...offer, ...overrides }, omitNothing).capabilities.map(describeCapability);
  const always = ['route refresh', 'extended message', '4-octet AS 65010', 'enhanced route refresh'];

  it('has what every session can do, and never graceful restart', () => {
    expect(words({})).toEqual(['multiprotocol ipv4', ...always]);
  });

  it('has each family of the session, and IPv6 next hops for IPv4 only over IPv6', () => {
    expect(words({ families: both })).toEqual(['multiprotocol ipv4', 'multiprotocol ipv6', ...always]);
    expect(words({ families: [families.ipv6], transport: 'ipv6' })).toEqual(['multiprotocol ipv6', ...always]);
    expect(words({ families: both, transport: 'ipv6' })).toContain('extended next hop ipv4 by ipv6');
  });

  it('has the role where the document gives one, and the name of the host', () => {
    expect(words({ role: 'customer', hostname: 'lb1.example.net' })).toEqual([
      'multiprotocol ipv4',
      'route refresh',
      'extended message',
      'role customer',
      '4-octet AS 65010',
      'enhanced route refresh',
      'hostname lb1.example.net',
    ]);
  });
});

describe('two OPENs', () => {
  it('agree on what both can do', () => {
    expect(negotiate(ours, routerOpen, both)).toEqual({
      holdTimeSec: 9,
      fourOctetAs: true,
      extendedMessages: false,
      enhancedRefresh: false,
      ipv4OverIpv6: false,
      families: ['ipv4'],
      peerRouterId: '10.66.0.1',
      capabilities: { sent: ours.capabilities, received: routerOpen.capabilities },
    });
    const modern = { ...routerOpen, capabilities: [{ kind: 'extendedMessage' }, { kind: 'enhancedRouteRefresh' }] as const };
    expect(negotiate(ours, modern, both)).toMatchObject({ extendedMessages: true, enhancedRefresh: true, fourOctetAs: false });
    expect(negotiate(bare, modern, both)).toMatchObject({ extendedMessages: false, enhancedRefresh: false });
  });

  it('agree on IPv6 next hops for IPv4 only where both offer them for unicast', () => {
    const sent = makeOpen({ ...offer, families: both, transport: 'ipv6' }, omitNothing);
    const received = (...capabilities: Capability[]) => ({ ...routerOpen, capabilities: [ipv4, ipv6, ...capabilities] });
    expect(negotiate(sent, received(overIpv6), both)).toMatchObject({ families: ['ipv4', 'ipv6'], ipv4OverIpv6: true });
    expect(negotiate(sent, received(), both)).toMatchObject({ families: ['ipv4', 'ipv6'], ipv4OverIpv6: false });
    const multicast: Capability = { kind: 'extendedNextHop', encodings: [{ afi: 1, safi: 2, nextHopAfi: 2 }] };
    expect(negotiate(sent, received(multicast), both).ipv4OverIpv6).toBe(false);
    expect(negotiate(ours, received(overIpv6), both).ipv4OverIpv6).toBe(false);
  });

  it('agree on IPv4 and two bytes for an AS with a speaker that has no capabilities', () => {
    expect(negotiate(ours, bare, both)).toMatchObject({ fourOctetAs: false, families: ['ipv4'] });
    expect(negotiate(bare, bare, both)).toMatchObject({ fourOctetAs: false, families: ['ipv4'] });
  });

  it('agree on no family where the peer names only others, or where none was wanted of those it implies', () => {
    expect(negotiate(ours, { ...routerOpen, capabilities: [ipv6] }, both).families).toEqual([]);
    expect(negotiate(bare, bare, [families.ipv6]).families).toEqual([]);
  });
});

describe('what a peer refused', () => {
  const sent = makeOpen({ ...offer, families: both }, omitNothing);
  const offered = (data: Uint8Array) => {
    const omission = omissionAfter(notification(2, 7, data), omitNothing, sent);
    return makeOpen({ ...offer, families: both }, omission ?? omitNothing).capabilities.map(describeCapability);
  };

  it('is left out, one capability or all of its code', () => {
    expect(offered(encodeCapability(ipv6))).toEqual([
      'multiprotocol ipv4',
      'route refresh',
      'extended message',
      '4-octet AS 65010',
      'enhanced route refresh',
    ]);
    expect(offered(hex('0100 0600'))).toEqual(['route refresh', '4-octet AS 65010', 'enhanced route refresh']);
  });

  it('is everything when it is not said, not readable or not what was offered', () => {
    expect(omissionAfter(notification(2, 7), omitNothing, sent)).toBe('all');
    expect(omissionAfter(notification(2, 4), omitNothing, sent)).toBe('all');
    expect(omissionAfter(notification(2, 7, hex('41')), omitNothing, sent)).toBe('all');
    const without = makeOpen(offer, new Set(['2']));
    expect(omissionAfter(notification(2, 7, hex('0200')), new Set(['2']), without)).toBe('all');
  });

  it('is nothing where the error is about something else, or there is nothing left', () => {
    expect(omissionAfter(notification(2, 2), omitNothing, sent)).toBeUndefined();
    expect(omissionAfter(notification(6, 7), omitNothing, sent)).toBeUndefined();
    expect(omissionAfter(notification(2, 7), 'all', bare)).toBeUndefined();
  });
});

describe('capabilities in words', () => {
  it.each<[Capability, string]>([
    [
      { kind: 'gracefulRestart', flags: 8, restartTimeSec: 120, families: [{ afi: 1, safi: 1, flags: 128 }] },
      'graceful restart 120 s ipv4 restarting',
    ],
    [{ kind: 'multiprotocol', afi: 25, safi: 70 }, 'multiprotocol afi 25 safi 70'],
    [{ kind: 'role', role: 3 }, 'role customer'],
    [{ kind: 'role', role: 9 }, 'role 9'],
    [{ kind: 'other', code: 69, value: hex('00') }, 'additional paths'],
    [{ kind: 'other', code: 199, value: hex('00') }, 'capability 199'],
    [{ kind: 'hostname', hostname: 'edge1', domain: '' }, 'hostname edge1'],
  ])('%o', (capability, expected) => {
    expect(describeCapability(capability)).toBe(expected);
  });
});
