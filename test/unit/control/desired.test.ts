import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ObservedHealth } from '../../../src/control/desired-pool.ts';
import { noOverrides, type Overrides, withChange } from '../../../src/control/overrides.ts';
import type { Change } from '../../../src/model/views.ts';
import { configOf, desiredOf, documentOf, observedOf, type PoolText, webVip } from './world.ts';

const refused: ObservedHealth = { health: 'down', reason: 'tcp 80: connection refused' };
const unknown: ObservedHealth = { health: 'unknown', reason: null };
const anyTarget = { hasVip: () => true, hasBackend: () => true, poolsOf: () => ['web'] };
const say = (change: Change, why: string | null = null): Overrides =>
  withChange(noOverrides, anyTarget, { change, context: { by: 'alice', why, forSec: null, ifRevision: null }, nowMs: 0 });

function withHealth(pool: Partial<PoolText>, health: Readonly<Record<string, ObservedHealth>>) {
  const text = documentOf({ pools: { web: { backends: ['10.0.2.21', '10.0.2.22'], ...pool } } });
  return desiredOf(text, { observed: observedOf(configOf(text), health) });
}

describe('a VIP', () => {
  it('is announced while its pool has a usable backend', () => {
    expect(desiredOf(documentOf()).vips[0]).toMatchObject({ name: '203.0.113.10:80/tcp', announce: { kind: 'announce' } });
    expect(withHealth({}, { '10.0.2.21': refused }).vips[0]?.announce).toEqual({ kind: 'announce' });
  });

  it('is withheld where there is no such pool', () => {
    const config = configOf(documentOf());
    const desired = desiredOf(documentOf(), { config: { ...config, pools: [] } });
    expect(desired.vips[0]?.announce).toEqual({ kind: 'withheld', by: 'document', reason: 'there is no pool web' });
  });

  it('is withheld with every reason when the last one goes', () => {
    const text = documentOf({ pools: { web: { backends: ['10.0.2.21', { address: '10.0.2.22', state: 'draining' }] } } });
    const desired = desiredOf(text, { observed: observedOf(configOf(text), { '10.0.2.21': refused }) });
    expect(desired.vips[0]?.announce).toEqual({
      kind: 'withheld',
      by: 'health',
      reason: 'no usable backend in pool web: 10.0.2.21 down (tcp 80: connection refused), 10.0.2.22 draining',
    });
  });

  it('is withheld where no next hop resolves', () => {
    const text = documentOf();
    const observed = { ...observedOf(configOf(text)), nextHops: new Map() };
    expect(desiredOf(text, { observed }).vips[0]?.announce).toMatchObject({
      kind: 'withheld',
      reason: expect.stringContaining('10.0.2.21 next hop unresolved (next hop not looked up yet)'),
    });
  });

  it('is withheld during maintenance and while it is held, saying by whom and why', () => {
    const maintenance = say({ kind: 'maintenance', value: true }, 'new kernel');
    expect(desiredOf(documentOf(), { overrides: maintenance }).vips[0]?.announce).toEqual({
      kind: 'withheld',
      by: 'operator',
      reason: 'maintenance by alice: new kernel',
    });
    const overrides = say({ kind: 'hold', target: '203.0.113.10:80/tcp', value: true });
    expect(desiredOf(documentOf(), { overrides }).vips[0]?.announce).toMatchObject({
      reason: 'held by alice (203.0.113.10:80/tcp)',
    });
  });

  it('is withheld with every other VIP of its address, since they are one route', () => {
    const text = documentOf({ vips: [{ ...webVip, ports: [80, 443] }] });
    const { vips } = desiredOf(text, { overrides: say({ kind: 'hold', target: '203.0.113.10:80/tcp', value: true }) });
    expect(vips.map(({ announce }) => announce.kind)).toEqual(['withheld', 'withheld']);
  });

  it('waits while its pool is looked at for the first time, so that its node never steers by half a table', () => {
    const text = documentOf();
    const observed = observedOf(configOf(text), { '10.0.2.22': unknown });
    expect(desiredOf(text, { observed, warming: new Set(['web']) }).vips[0]?.announce).toEqual({
      kind: 'withheld',
      by: 'health',
      reason: 'first checks in pool web are under way: 10.0.2.22 unknown (waiting for its first checks)',
    });
    expect(desiredOf(text, { observed }).vips[0]?.announce).toEqual({ kind: 'announce' });
  });

  it('is withheld where no device forwards', () => {
    const text = documentOf({ node: { devices: [] } });
    expect(desiredOf(text).vips[0]?.announce).toMatchObject({ kind: 'withheld', by: 'document' });
  });
});

describe('a backend', () => {
  it('without a health check counts as up', () => {
    const text = documentOf({ pools: { web: { backends: ['10.0.2.21'], healthCheck: undefined } } });
    expect(desiredOf(text).pools[0]?.backends[0]).toMatchObject({ health: 'up', takesNewFlows: true, reason: null });
  });

  it('takes nothing before its first checks have passed, but keeps what it has', () => {
    const { pools, vips } = withHealth({}, { '10.0.2.21': unknown, '10.0.2.22': unknown });
    expect(pools[0]?.backends[0]).toMatchObject({ health: 'unknown', takesNewFlows: false, keepsFlows: true });
    expect(vips[0]?.announce.kind).toBe('withheld');
  });

  it.each([
    ['active', true, true],
    ['draining', false, true],
    ['disabled', false, false],
  ] as const)('that is %s: takes new flows %s, keeps flows %s', (state, takesNewFlows, keepsFlows) => {
    const text = documentOf({ pools: { web: { backends: [{ address: '10.0.2.21', state }] } } });
    expect(desiredOf(text).pools[0]?.backends[0]).toMatchObject({ takesNewFlows, keepsFlows });
  });

  it('that is down keeps nothing', () => {
    expect(withHealth({}, { '10.0.2.21': refused }).pools[0]?.backends[0]).toMatchObject({
      takesNewFlows: false,
      keepsFlows: false,
    });
  });

  it('of weight 0 keeps its flows and takes no new ones', () => {
    const text = documentOf({ pools: { web: { backends: [{ address: '10.0.2.21', weight: 0 }] } } });
    expect(desiredOf(text).pools[0]?.backends[0]).toMatchObject({ takesNewFlows: false, keepsFlows: true, reason: 'weight 0' });
  });

  it("keeps its health over a change of the document's weight, state, interval or order", () => {
    const before = configOf(documentOf());
    const observed = observedOf(before, { '10.0.2.22': refused });
    const changed = documentOf({
      pools: {
        web: {
          backends: [{ address: '10.0.2.22', weight: 7, state: 'draining' }, '10.0.2.21'],
          healthCheck: { type: 'tcp', port: 80, intervalMs: 200 },
        },
      },
    });
    expect(desiredOf(changed, { observed }).pools[0]?.backends.map(({ health }) => health)).toEqual(['up', 'down']);
    const probedElsewhere = documentOf({
      pools: { web: { backends: ['10.0.2.21', '10.0.2.22'], healthCheck: { type: 'tcp', port: 81 } } },
    });
    expect(desiredOf(probedElsewhere, { observed }).pools[0]?.backends.map(({ health }) => health)).toEqual([
      'unknown',
      'unknown',
    ]);
  });

  it('has what the operator said rather than what the document says', () => {
    const states = fc.constantFrom('active' as const, 'draining' as const, 'disabled' as const);
    fc.assert(
      fc.property(states, states, fc.nat(65535), fc.nat(65535), (state, said, weight, saidWeight) => {
        const text = documentOf({ pools: { web: { backends: [{ address: '10.0.2.21', state, weight }] } } });
        const target = 'web/10.0.2.21';
        const [backend] = desiredOf(text, { overrides: say({ kind: 'state', target, value: said }) }).pools[0]?.backends ?? [];
        expect(backend).toMatchObject({ state: said, weight });
        const [weighed] =
          desiredOf(text, { overrides: say({ kind: 'weight', target, value: saidWeight }) }).pools[0]?.backends ?? [];
        expect(weighed).toMatchObject({ state, weight: saidWeight });
      }),
      { numRuns: 50 },
    );
  });
});

describe('a pool without usable backends', () => {
  const allDown = { '10.0.2.21': refused, '10.0.2.22': refused };

  it('stays announced with onAllDown: drop', () => {
    const { pools, vips } = withHealth({ onAllDown: 'drop' }, allDown);
    expect(pools[0]?.usable).toBe(false);
    expect(vips[0]?.announce.kind).toBe('announce');
  });

  it('uses all members as if usable with onAllDown: failOpen', () => {
    const { pools, vips } = withHealth({ onAllDown: 'failOpen' }, allDown);
    expect(pools[0]?.usable).toBe(true);
    expect(pools[0]?.backends.every(({ takesNewFlows, keepsFlows }) => takesNewFlows && keepsFlows)).toBe(true);
    expect(vips[0]?.announce.kind).toBe('announce');
  });

  it('does not fail open while its first checks are under way', () => {
    const { vips } = withHealth({ onAllDown: 'failOpen' }, { '10.0.2.21': unknown, '10.0.2.22': unknown });
    expect(vips[0]?.announce.kind).toBe('withheld');
  });

  it('hands its flows to its fallback, and is withheld when that has none either', () => {
    const text = documentOf({
      pools: { web: { backends: ['10.0.2.21'], onAllDown: { pool: 'sorry' } }, sorry: { backends: ['10.0.2.99'] } },
    });
    const config = configOf(text);
    const served = desiredOf(text, { observed: observedOf(config, { '10.0.2.21': refused }) });
    expect(served.vips[0]).toMatchObject({ pool: 'web', activePool: 'sorry', keptPool: 'web', announce: { kind: 'announce' } });
    const dead = desiredOf(text, { observed: observedOf(config, { '10.0.2.21': refused, '10.0.2.99': refused }) });
    expect(dead.vips[0]).toMatchObject({ activePool: 'web', announce: { kind: 'withheld' } });
    const again = desiredOf(text, { observed: observedOf(config, {}) });
    expect(again.vips[0]).toMatchObject({ activePool: 'web', keptPool: 'sorry' });
  });

  it('is one with fewer than minHealthy usable ones', () => {
    const { vips } = withHealth({ minHealthy: 2 }, { '10.0.2.21': refused });
    expect(vips[0]?.announce).toMatchObject({
      reason: '1 usable of minHealthy 2 in pool web: 10.0.2.21 down (tcp 80: connection refused)',
    });
  });

  it('is one without backends', () => {
    expect(desiredOf(documentOf({ pools: { web: { backends: [] } } })).vips[0]?.announce).toMatchObject({
      reason: 'pool web has no backends',
    });
  });
});

describe('desired state', () => {
  it('is the same whatever the order of the document and of the observations', () => {
    const addresses = ['10.0.2.21', '10.0.2.22', '10.0.2.9', '10.0.2.100'];
    const vips = [webVip, { ...webVip, address: '203.0.113.9' }, { ...webVip, protocol: 'udp', ports: [53] }];
    const health = { '10.0.2.9': refused };
    const expected = (() => {
      const text = documentOf({ vips, pools: { web: { backends: addresses }, other: { backends: addresses } } });
      return desiredOf(text, { observed: observedOf(configOf(text), health) });
    })();
    fc.assert(
      fc.property(
        fc.shuffledSubarray(addresses, { minLength: 4 }),
        fc.shuffledSubarray(vips, { minLength: 3 }),
        (shuffled, shuffledVips) => {
          const pools = { other: { backends: shuffled }, web: { backends: [...shuffled].reverse() } };
          const text = documentOf({ vips: shuffledVips, pools });
          expect(desiredOf(text, { observed: observedOf(configOf(text), health) })).toEqual(expected);
        },
      ),
      { numRuns: 30 },
    );
  });
});
