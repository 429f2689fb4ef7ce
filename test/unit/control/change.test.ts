import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diff, isLoss, maxLines } from '../../../src/control/diff.ts';
import { guard } from '../../../src/control/guard.ts';
import { withLeaving } from '../../../src/control/leaving.ts';
import { lostByHealth, routesOf } from '../../../src/control/routes.ts';
import { configOf, desiredOf, documentOf, observedOf, webVip } from './world.ts';

const vipsOf = (count: number) => Array.from({ length: count }, (_, i) => ({ ...webVip, address: `203.0.113.${i + 1}` }));
const backendsOf = (count: number) => Array.from({ length: count }, (_, i) => `10.0.2.${i + 1}`);
const down = { health: 'down' as const, reason: 'tcp 80: connection refused' };

describe('the guard', () => {
  it('refuses exactly the documents that lose more than half', () => {
    fc.assert(
      fc.property(fc.nat(12), fc.nat(12), fc.nat(12), fc.nat(12), (vips, keptVips, backends, keptBackends) => {
        const build = (vipCount: number, backendCount: number) =>
          configOf(documentOf({ vips: vipsOf(vipCount), pools: { web: { backends: backendsOf(backendCount) } } }));
        const lost = (of: number, kept: number): boolean => Math.max(0, of - kept) * 2 > of;
        const refused = guard(build(vips, backends), build(keptVips, keptBackends)) !== null;
        expect(refused).toBe(lost(vips, keptVips) || lost(backends, keptBackends));
      }),
      { numRuns: 60 },
    );
  });

  it('says what would be lost and how to do it all the same', () => {
    const old = configOf(documentOf({ vips: vipsOf(4) }));
    expect(guard(old, configOf(documentOf({ vips: vipsOf(1) })))).toBe(
      'expected a document that keeps at least half of the VIPs and backends, got one without 3 of 4 VIPs; run: torii reload --force',
    );
  });

  it('counts replaced VIPs as lost, and a renamed pool as nothing', () => {
    const old = configOf(documentOf({ vips: vipsOf(4) }));
    const moved = vipsOf(4).map((vip) => ({ ...vip, ports: [81] }));
    expect(guard(old, configOf(documentOf({ vips: moved })))).toContain('4 of 4 VIPs');
    const renamed = documentOf({
      vips: vipsOf(4).map((vip) => ({ ...vip, pool: 'www' })),
      pools: { www: { backends: ['10.0.2.21', '10.0.2.22'] } },
    });
    expect(guard(old, configOf(renamed))).toBeNull();
  });
});

describe('the difference of two states', () => {
  it('is nothing between equal ones', () => {
    expect(diff(desiredOf(documentOf()), desiredOf(documentOf()))).toEqual([]);
  });

  it('is one sentence per change', () => {
    const old = documentOf({ vips: vipsOf(2), pools: { web: { backends: ['10.0.2.21', '10.0.2.22'] } } });
    const next = documentOf({
      vips: [{ ...webVip, address: '203.0.113.1' }, webVip],
      pools: { web: { backends: [{ address: '10.0.2.21', weight: 50 }], tableSize: 251 } },
    });
    expect(diff(desiredOf(old), desiredOf(next))).toEqual([
      'pool web: table size 65537 → 251',
      'backend web/10.0.2.21: weight 100 → 50',
      'backend web/10.0.2.22: removed',
      'VIP 203.0.113.10:80/tcp: added',
      'VIP 203.0.113.2:80/tcp: removed',
    ]);
  });

  it('tells a flip of health and what it means for the VIP', () => {
    const text = documentOf({ pools: { web: { backends: ['10.0.2.21'] } } });
    const after = desiredOf(text, { observed: observedOf(configOf(text), { '10.0.2.21': down }) });
    expect(diff(desiredOf(text), after)).toEqual([
      'backend web/10.0.2.21: health up → down',
      'backend web/10.0.2.21: takes new flows → down (tcp 80: connection refused)',
      'VIP 203.0.113.10:80/tcp: announced → withheld (no usable backend in pool web: 10.0.2.21 down (tcp 80: connection refused))',
    ]);
  });

  it('tells what failed from what somebody asked for', () => {
    const text = documentOf({ pools: { web: { backends: ['10.0.2.21'] } } });
    const before = desiredOf(text);
    const failed = desiredOf(text, { observed: observedOf(configOf(text), { '10.0.2.21': down }) });
    expect(diff(before, failed).map(isLoss)).toEqual([false, true, true]);
    expect(diff(failed, before).some(isLoss)).toBe(false);
    const drained = documentOf({ pools: { web: { backends: [{ address: '10.0.2.21', state: 'draining' }] } } });
    const asked = diff(before, desiredOf(drained)).filter((change) => change.startsWith('backend'));
    expect(asked.map(isLoss)).toEqual([false, false]);
    const weightless = documentOf({ pools: { web: { backends: [{ address: '10.0.2.21', weight: 0 }] } } });
    expect(
      diff(before, desiredOf(weightless))
        .filter((change) => change.startsWith('backend'))
        .some(isLoss),
    ).toBe(false);
    expect(isLoss('VIP 203.0.113.10:80/tcp: announced → withheld (held by eve at 03:00 (203.0.113.10:80/tcp))')).toBe(false);
  });

  it('sees an attribute that a route did not have before', () => {
    const next = documentOf({ vips: [{ ...webVip, med: 5 }] });
    expect(diff(desiredOf(documentOf()), desiredOf(next))).toEqual(['VIP 203.0.113.10:80/tcp: policy {} → {"med":5}']);
  });

  it('is told of the route that stands for a VIP', () => {
    const vips = [{ ...webVip, med: 7 }];
    const next = documentOf({ vips, tenant: { announce: ['203.0.113.0/28'], med: 5 } });
    expect(diff(desiredOf(documentOf({ vips })), desiredOf(next))).toEqual([
      'VIP 203.0.113.10:80/tcp: route 203.0.113.10/32 → 203.0.113.0/28',
      'VIP 203.0.113.10:80/tcp: policy {"med":7} → {"med":5}',
    ]);
    const hole = documentOf({ vips: [{ ...webVip, med: 7, blackhole: true }] });
    expect(diff(desiredOf(documentOf({ vips })), desiredOf(hole))).toEqual(['VIP 203.0.113.10:80/tcp: blackhole false → true']);
  });

  it('is told by name, whatever the places of what came and went', () => {
    const old = documentOf({ vips: vipsOf(3) });
    const next = documentOf({ vips: vipsOf(4).slice(1) });
    expect(diff(desiredOf(old), desiredOf(next))).toEqual(['VIP 203.0.113.4:80/tcp: added', 'VIP 203.0.113.1:80/tcp: removed']);
  });

  it('is bounded', () => {
    const lines = diff(null, desiredOf(documentOf({ vips: vipsOf(200) })));
    expect(lines).toHaveLength(maxLines + 1);
    expect(lines.at(-1)).toBe('and 104 more changes');
  });
});

describe('routes', () => {
  it('are one per address, announced while any VIP of it is', () => {
    const vips = [
      { ...webVip, med: 5 },
      { ...webVip, ports: [443], pool: 'other', med: 5 },
    ];
    const text = documentOf({ vips, pools: { web: { backends: ['10.0.2.21'] }, other: { backends: ['10.0.2.22'] } } });
    const observed = (...addresses: string[]) =>
      observedOf(configOf(text), Object.fromEntries(addresses.map((address) => [address, down])));
    const both = routesOf(desiredOf(text));
    expect(both).toEqual([{ prefix: '203.0.113.10/32', policy: { med: 5 }, usesPath: true }]);
    const one = desiredOf(text, { observed: observed('10.0.2.21') });
    expect(routesOf(one)).toEqual(both);
    expect(lostByHealth(both, one)).toEqual([]);
    const none = desiredOf(text, { observed: observed('10.0.2.21', '10.0.2.22') });
    expect(routesOf(none)).toEqual([]);
    expect(lostByHealth(both, none)).toEqual(['203.0.113.10/32']);
  });
});

describe('a VIP that leaves the document', () => {
  const old = configOf(documentOf({ vips: vipsOf(2), pools: { web: { backends: ['10.0.2.21'] } } }));

  it('stays in the tables with its tenant and pool, withheld', () => {
    const next = configOf(
      documentOf({ vips: [{ ...webVip, address: '203.0.113.1', pool: 'new' }], pools: { new: { backends: ['10.0.2.21'] } } }),
    );
    const { config, leaving } = withLeaving(old, next);
    expect([...leaving]).toEqual(['203.0.113.2:80/tcp']);
    expect(config.vips.map(({ name, pool }) => [name, pool])).toEqual([
      ['203.0.113.1:80/tcp', 'new'],
      ['203.0.113.2:80/tcp', 'web'],
    ]);
    expect(config.pools.map(({ name }) => name)).toEqual(['new', 'web']);
  });

  it('leaves at once where its address stays, since no route moves', () => {
    const next = configOf(documentOf({ vips: vipsOf(2).map((vip) => ({ ...vip, ports: [443] })) }));
    expect(withLeaving(old, next)).toEqual({ config: next, leaving: new Set() });
  });
});
