import { describe, expect, it } from 'vitest';
import { demandsOf, noDemands } from '../../../src/control/pool-demands.ts';
import type { NextHop } from '../../../src/model/backend.ts';
import { configOf, desiredOf, documentOf, observedOf, webVip } from './world.ts';

const ipv6Vip = { address: '2001:db8::10', protocol: 'tcp', ports: [80], pool: 'web' };

/** What the only backend's state is when its next hop is so. */
function backendWith(hop: Partial<NextHop>, vips: readonly object[]) {
  const text = documentOf({ vips, pools: { web: { backends: ['10.0.2.21'] } } });
  const observed = observedOf(configOf(text));
  const nextHops = new Map([...observed.nextHops].map(([address, known]) => [address, { ...known, ...hop } as NextHop]));
  return desiredOf(text, { observed: { ...observed, nextHops } }).pools[0]?.backends[0];
}

describe('what the VIPs of a pool ask of the way to its backends', () => {
  it('is 1280 bytes for IPv6 behind the outer header', () => {
    expect(backendWith({ mtuBytes: 1300 }, [ipv6Vip])?.takesNewFlows).toBe(true);
    expect(backendWith({ mtuBytes: 1299 }, [ipv6Vip])).toMatchObject({
      takesNewFlows: false,
      keepsFlows: false,
      reason: 'MTU 1299 leaves IPv6 1279 bytes, less than 1280',
    });
    expect(backendWith({ mtuBytes: 1299 }, [webVip])?.takesNewFlows).toBe(true);
  });

  it('is the same segment for encap l2', () => {
    const direct = [{ ...webVip, encap: 'l2' }];
    expect(backendWith({}, direct)?.takesNewFlows).toBe(true);
    expect(backendWith({ isGateway: true }, direct)).toMatchObject({
      takesNewFlows: false,
      reason: 'behind a gateway, which encap l2 cannot cross',
    });
    expect(backendWith({ isGateway: true }, [webVip])?.takesNewFlows).toBe(true);
  });

  it('is that of pools which fall back to it, too, and no other', () => {
    const pools = {
      own: { backends: [] },
      front: { backends: [], onAllDown: { pool: 'sorry' } },
      sorry: { backends: [], onAllDown: { pool: 'last' } },
      last: { backends: [] },
    };
    const vips = [
      { ...ipv6Vip, pool: 'front' },
      { ...webVip, pool: 'sorry', encap: 'l2' },
      { ...webVip, ports: [81], pool: 'own' },
    ];
    const demands = demandsOf(configOf(documentOf({ vips, pools, node: { address6: '2001:db8::1' } })));
    expect(demands.get('front')).toEqual({ servesIpv6: true, isDirect: false });
    expect(demands.get('sorry')).toEqual({ servesIpv6: true, isDirect: true });
    expect(demands.get('last')).toEqual({ servesIpv6: false, isDirect: true });
    expect(demands.get('own') ?? noDemands).toEqual(noDemands);
  });
});
