import { describe, expect, it } from 'vitest';
import type { ResolveInput } from '../../../src/control/desired.ts';
import type { ObservedHealth } from '../../../src/control/desired-pool.ts';
import { diff } from '../../../src/control/diff.ts';
import { guard } from '../../../src/control/guard.ts';
import { withLeaving } from '../../../src/control/leaving.ts';
import { noOverrides, type Overrides, withChange } from '../../../src/control/overrides.ts';
import { lostByHealth, routesOf } from '../../../src/control/routes.ts';
import { healthTargetsOf } from '../../../src/control/store.ts';
import type { Change } from '../../../src/model/views.ts';
import { configOf, desiredOf, documentOf, observedOf, webVip } from './world.ts';

const dns = { address: '203.0.113.53', mode: 'local', healthCheck: { type: 'tcp', port: 53 } };
const unchecked = { address: '203.0.113.54', mode: 'local' };
/** No device, no pool, no backend: what `mode: local` must do without. */
const localOnly = documentOf({ vips: [dns, unchecked], pools: {}, node: { devices: [] } });
const key = 'vip 203.0.113.53|203.0.113.53 tcp:53';

function withService(text: string, service: ObservedHealth | null, more: Partial<ResolveInput> = {}) {
  const observed = observedOf(configOf(text));
  const health = new Map([...observed.health, ...(service === null ? [] : [[key, service] as const])]);
  return desiredOf(text, { observed: { ...observed, health }, ...more });
}

const up: ObservedHealth = { health: 'up', reason: null };
const refused: ObservedHealth = { health: 'down', reason: 'tcp 53: connection refused' };
const anyTarget = { hasVip: () => true, hasBackend: () => true, poolsOf: () => [] };
const say = (change: Change): Overrides =>
  withChange(noOverrides, anyTarget, { change, context: { by: 'alice', why: null, forSec: null, ifRevision: null }, nowMs: 0 });

describe('a VIP of mode local', () => {
  it('is announced without any device while its check passes', () => {
    const desired = withService(localOnly, up);
    expect(desired.localVips[0]).toMatchObject({ name: '203.0.113.53', health: 'up', announce: { kind: 'announce' } });
    expect(routesOf(desired).map(({ prefix }) => prefix)).toEqual(['203.0.113.53/32', '203.0.113.54/32']);
  });

  it('waits for its first checks, and says which', () => {
    expect(withService(localOnly, null).localVips[0]).toMatchObject({
      health: 'unknown',
      announce: {
        kind: 'withheld',
        by: 'health',
        reason: 'service at 203.0.113.53 unknown (first checks of tcp 53 are under way)',
      },
    });
  });

  it('is withheld by health while its service is down, so that its return is held down like any', () => {
    const before = routesOf(withService(localOnly, up));
    const after = withService(localOnly, refused);
    expect(after.localVips[0]?.announce).toEqual({
      kind: 'withheld',
      by: 'health',
      reason: 'service at 203.0.113.53 down (tcp 53: connection refused)',
    });
    expect(lostByHealth(before, after)).toEqual(['203.0.113.53/32']);
  });

  it('without a check is announced while the daemon runs', () => {
    expect(withService(localOnly, refused).localVips[1]).toMatchObject({ health: 'up', announce: { kind: 'announce' } });
  });

  it('stays with routers while a check that the document changed has no verdict, and goes by that', () => {
    const announced = new Set(['203.0.113.53/32']);
    expect(withService(localOnly, null, { announced }).localVips[0]).toMatchObject({
      health: 'unknown',
      announce: { kind: 'announce' },
    });
    const failedOnce: ObservedHealth = { health: 'unknown', reason: 'tcp 53: connection refused' };
    expect(withService(localOnly, failedOnce, { announced }).localVips[0]?.announce.kind).toBe('announce');
    expect(withService(localOnly, refused, { announced }).localVips[0]?.announce.kind).toBe('withheld');
  });

  it('is withheld while held, by its own name, and during maintenance', () => {
    const held = withService(localOnly, up, { overrides: say({ kind: 'hold', target: '203.0.113.53/32', value: true }) });
    expect(held.localVips.map(({ announce }) => announce)).toEqual([
      { kind: 'withheld', by: 'operator', reason: 'held by alice (203.0.113.53)' },
      { kind: 'announce' },
    ]);
    const maintained = withService(localOnly, up, { overrides: say({ kind: 'maintenance', value: true }) });
    expect(maintained.localVips.map(({ announce }) => announce.kind)).toEqual(['withheld', 'withheld']);
  });

  it('is probed at its own address, or where its check says', () => {
    expect(healthTargetsOf(configOf(localOnly))).toMatchObject([
      { key, address: '203.0.113.53', check: { kind: 'tcp', port: 53 } },
    ]);
    const elsewhere = documentOf({ vips: [{ ...dns, healthCheck: { ...dns.healthCheck, address: '::1' } }], pools: {} });
    expect(healthTargetsOf(configOf(elsewhere))).toMatchObject([{ key: 'vip 203.0.113.53|::1 tcp:53', address: '::1' }]);
  });

  it('leaves nothing behind in the tables when its document goes', () => {
    const next = configOf(documentOf({ vips: [unchecked], pools: {} }));
    expect(withLeaving(configOf(localOnly), next)).toEqual({ config: next, leaving: new Set() });
  });

  it('counts for the guard and is told of in what changed', () => {
    const [old, next] = [localOnly, documentOf({ vips: [], pools: {}, node: { devices: [] } })];
    expect(guard(configOf(old), configOf(next))).toContain('2 of 2 VIPs');
    expect(diff(withService(old, up), withService(next, null))).toEqual([
      'VIP 203.0.113.53: removed',
      'VIP 203.0.113.54: removed',
    ]);
    expect(diff(withService(old, up), withService(old, refused))).toEqual([
      'VIP 203.0.113.53: health up → down',
      'VIP 203.0.113.53: announced → withheld (service at 203.0.113.53 down (tcp 53: connection refused))',
    ]);
  });
});

describe('a node with VIPs of both modes', () => {
  const mixed = documentOf({ vips: [webVip, dns] });

  it('announces each by what it needs itself', () => {
    const desired = withService(mixed, up);
    expect(desired.vips.map(({ name }) => name)).toEqual(['203.0.113.10:80/tcp']);
    expect(
      routesOf(desired)
        .map(({ prefix }) => prefix)
        .sort(),
    ).toEqual(['203.0.113.10/32', '203.0.113.53/32']);
    expect(routesOf(withService(mixed, refused)).map(({ prefix }) => prefix)).toEqual(['203.0.113.10/32']);
  });

  it('announces the local ones alone while nothing forwards', () => {
    const desired = withService(documentOf({ vips: [webVip, dns], node: { devices: [] } }), up);
    expect(routesOf(desired).map(({ prefix }) => prefix)).toEqual(['203.0.113.53/32']);
  });

  it('keeps the route of an address that turns local', () => {
    const before = configOf(documentOf({ vips: [{ ...webVip, address: dns.address }] }));
    const { config, leaving } = withLeaving(before, configOf(documentOf({ vips: [dns] })));
    expect(leaving).toEqual(new Set(['203.0.113.53:80/tcp']));
    const desired = withService(mixed, up, { config, leaving });
    expect(routesOf(desired)).toMatchObject([{ prefix: '203.0.113.53/32' }]);
  });
});
