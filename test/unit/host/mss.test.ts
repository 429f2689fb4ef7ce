import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advertisedMss, mssPlan } from '../../../src/host/mss.ts';

const room = { mtuBytes: 1500, overheadBytes: 20 };
const route = 'default via 10.0.2.1 dev eth0 proto static ';

describe('the MSS towards clients', () => {
  it('is 1440 for IPv4 and 1420 for IPv6 on a 1500-byte link with an IPv4 outer header', () => {
    expect(advertisedMss(4, room)).toBe(1440);
    expect(advertisedMss(6, room)).toBe(1420);
  });

  it('lets the largest segment with all headers exactly fill the link', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1280, max: 9000 }), fc.constantFrom(20, 40), (mtuBytes, overheadBytes) => {
        expect(advertisedMss(4, { mtuBytes, overheadBytes }) + 40 + overheadBytes).toBe(mtuBytes);
        expect(advertisedMss(6, { mtuBytes, overheadBytes }) + 60 + overheadBytes).toBe(mtuBytes);
      }),
    );
  });

  it('is set on the only default route', () => {
    expect(mssPlan(4, [route], room)).toEqual({ family: 4, before: route.trim(), advmssBytes: 1440 });
  });

  it('needs nothing where there is no default route or its MSS is small enough', () => {
    expect(mssPlan(4, [], room)).toBeUndefined();
    expect(mssPlan(4, [`${route}advmss 1400`], room)).toBeUndefined();
  });

  it.each([
    ['several routes', [route, 'default via 10.0.3.1 dev eth1 metric 100']],
    [
      'a multipath route',
      ['default proto static', 'nexthop via 10.0.2.1 dev eth0 weight 1', 'nexthop via 10.0.2.2 dev eth0 weight 1'],
    ],
    ['a next-hop object', ['default nhid 12 via 10.0.2.1 dev eth0']],
    ['an MSS of its own that is too large', [`${route}advmss 1460`]],
    ["a router's advertisement", ['default via fe80::1 dev eth0 proto ra metric 1024 expires 1790sec pref medium']],
  ])('is only advised for %s', (_, routes) => {
    expect(mssPlan(4, routes, room)).toEqual({ family: 4, advice: expect.stringContaining('"advmss 1440"') });
  });
});
