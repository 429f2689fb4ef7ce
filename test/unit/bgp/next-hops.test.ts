import { describe, expect, it } from 'vitest';
import { type NextHopSources, nextHopsOf, nextHopTrouble } from '../../../src/bgp/next-hops.ts';

const node = { nextHop4: '10.0.0.11', nextHop6: '2001:db8::11' };
const hops = (localAddress: string, overrides: Partial<NextHopSources> = {}) =>
  nextHopsOf(['ipv4', 'ipv6'], { localAddress, isNextHop6OnLink: false, ipv4OverIpv6: false, ...node, ...overrides });
const without = { nextHop4: undefined, nextHop6: undefined };

describe('next hops', () => {
  it('on an IPv4 session are its own address, and the node’s for IPv6', () => {
    expect(hops('10.66.0.11')).toEqual({
      ipv4: { kind: 'attribute', address: '10.66.0.11' },
      ipv6: { kind: 'reach', addresses: ['2001:db8::11'] },
    });
  });

  it('on an IPv6 session are its own address, and the node’s for IPv4', () => {
    expect(hops('fd66::11')).toEqual({
      ipv4: { kind: 'attribute', address: '10.0.0.11' },
      ipv6: { kind: 'reach', addresses: ['fd66::11'] },
    });
  });

  it('on an IPv6 session that agreed on RFC 8950 are its own address for both', () => {
    const own = { kind: 'reach', addresses: ['fd66::11'] };
    expect(hops('fd66::11', { ipv4OverIpv6: true })).toEqual({ ipv4: own, ipv6: own });
  });

  it('on a link-local session are the link-local address, which has no device there, after the node’s if it is of the link', () => {
    expect(hops('fe80::11%eth0').ipv6).toEqual({ kind: 'reach', addresses: ['fe80::11'] });
    const onLink = { isNextHop6OnLink: true };
    expect(hops('fe80::11%eth0', onLink).ipv6).toEqual({ kind: 'reach', addresses: ['2001:db8::11', 'fe80::11'] });
    expect(hops('fd66::11', onLink).ipv6).toEqual({ kind: 'reach', addresses: ['fd66::11'] });
    expect(hops('fe80::11%eth0', without).ipv6).toEqual({ kind: 'reach', addresses: ['fe80::11'] });
    expect(hops('fe80::11%eth0', { ...without, ipv4OverIpv6: true }).ipv4).toEqual({ kind: 'reach', addresses: ['fe80::11'] });
  });

  it('that are missing keep a family from being announced, and it is said why', () => {
    const families = ['ipv4', 'ipv6'] as const;
    expect(hops('10.66.0.11', without)).not.toHaveProperty('ipv6');
    expect(nextHopTrouble(families, hops('10.66.0.11', without))).toContain('node.address6 is absent');
    expect(hops('fd66::11', without)).not.toHaveProperty('ipv4');
    expect(nextHopTrouble(families, hops('fd66::11', without))).toContain('RFC 8950');
    expect(nextHopTrouble(families, hops('fd66::11'))).toBeUndefined();
  });

  it('are only for families that were agreed on', () => {
    expect(
      nextHopsOf(['ipv6'], { localAddress: '10.66.0.11', isNextHop6OnLink: false, ipv4OverIpv6: false, ...node }),
    ).not.toHaveProperty('ipv4');
  });
});
