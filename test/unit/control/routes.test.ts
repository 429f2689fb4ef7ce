import { describe, expect, it } from 'vitest';
import { noOverrides, type Overrides, withChange } from '../../../src/control/overrides.ts';
import { lostByHealth, replacedOf, routesOf } from '../../../src/control/routes.ts';
import type { AnnounceState, Desired } from '../../../src/model/desired.ts';
import type { Change } from '../../../src/model/views.ts';
import { configOf, desiredOf, documentOf, observedOf, webVip } from './world.ts';

const down = { health: 'down' as const, reason: 'tcp 80: connection refused' };
const anyTarget = { hasVip: () => true, hasBackend: () => true, poolsOf: () => ['web'] };
const say = (change: Change): Overrides =>
  withChange(noOverrides, anyTarget, { change, context: { by: 'alice', why: null, forSec: null, ifRevision: null }, nowMs: 0 });

const aggregate = '203.0.113.0/28';
const host = '203.0.113.10/32';
const outside = '203.0.113.99/32';
/** Two VIPs inside of the aggregate, each with a pool of its own, and one outside. */
const vips = [
  webVip,
  { ...webVip, address: '203.0.113.11', pool: 'other' },
  { ...webVip, address: '203.0.113.99', pool: 'web', med: 9 },
];
const pools = { web: { backends: ['10.0.2.21'] }, other: { backends: ['10.0.2.22'] } };
const tenant = { announce: [aggregate], communities: ['65000:1'] };
const text = documentOf({ vips, pools, tenant });
const observed = (...addresses: readonly string[]) =>
  observedOf(configOf(text), Object.fromEntries(addresses.map((address) => [address, down])));
const prefixesOf = (desired: Desired): readonly string[] =>
  routesOf(desired)
    .map(({ prefix }) => prefix)
    .sort();
const stateOf = (desired: Desired, name: string): AnnounceState | undefined =>
  desired.vips.find((vip) => vip.name === name)?.announce;

describe('an aggregate', () => {
  it('is announced instead of the VIPs inside, with the attributes of its tenant', () => {
    expect(routesOf(desiredOf(text))).toEqual([
      { prefix: aggregate, policy: { communities: ['65000:1'] }, usesPath: true },
      { prefix: outside, policy: { communities: ['65000:1'], med: 9 }, usesPath: true },
    ]);
  });

  it('stays while any VIP inside is up, and goes with the last one', () => {
    const one = desiredOf(text, { observed: observed('10.0.2.22') });
    expect(prefixesOf(one)).toEqual([aggregate, outside]);
    const before = routesOf(one);
    const none = desiredOf(text, { observed: observed('10.0.2.21', '10.0.2.22') });
    expect(prefixesOf(none)).toEqual([]);
    expect(lostByHealth(before, none)).toEqual([aggregate, outside]);
  });

  it('is not withdrawn by a hold on one of its VIPs, but by holds on all', () => {
    const [first, second] = ['203.0.113.10:80/tcp', '203.0.113.11:80/tcp'];
    const one = say({ kind: 'hold', target: first, value: true });
    expect(prefixesOf(desiredOf(text, { overrides: one }))).toEqual([aggregate, outside]);
    const all = new Map([...one, ...say({ kind: 'hold', target: second, value: true })]);
    expect(prefixesOf(desiredOf(text, { overrides: all }))).toEqual([outside]);
  });

  it('waits at first for the pools of all its VIPs, and stays when a new one joins', () => {
    const warming = new Set(['other']);
    const first = desiredOf(text, { warming });
    expect(prefixesOf(first)).toEqual([outside]);
    expect(stateOf(first, '203.0.113.10:80/tcp')).toEqual({
      kind: 'withheld',
      by: 'health',
      reason: '203.0.113.0/28 waits for the first checks in pool other (203.0.113.11:80/tcp)',
    });
    expect(prefixesOf(desiredOf(text, { warming, announced: new Set([aggregate]) }))).toEqual([aggregate, outside]);
  });
});

describe('a blackholed VIP', () => {
  const hole = { ...webVip, blackhole: true };

  it('has a route of its own that says so, whatever its health', () => {
    const single = documentOf({ vips: [{ ...hole, med: 5 }], pools });
    const route = { prefix: host, policy: { med: 5 }, blackhole: true, usesPath: false };
    expect(routesOf(desiredOf(single))).toEqual([route]);
    const failing = { observed: observedOf(configOf(single), { '10.0.2.21': down }) };
    expect(routesOf(desiredOf(single, failing))).toEqual([route]);
    expect(routesOf(desiredOf(documentOf({ vips: [{ ...hole, med: 5 }], pools, node: { devices: [] } })))).toEqual([route]);
  });

  it('is announced beside the aggregate that holds it, and keeps that up no longer', () => {
    const inside = documentOf({ vips: [hole, ...vips.slice(1)], pools, tenant });
    expect(prefixesOf(desiredOf(inside))).toEqual([aggregate, host, outside]);
    const others = { observed: observedOf(configOf(inside), { '10.0.2.22': down }) };
    expect(prefixesOf(desiredOf(inside, others))).toEqual([host, outside]);
  });

  it('is withdrawn by maintenance and by a hold, like any other', () => {
    const single = documentOf({ vips: [hole], pools });
    for (const change of [
      { kind: 'maintenance', value: true },
      { kind: 'hold', target: '203.0.113.10:80/tcp', value: true },
    ] as const)
      expect(routesOf(desiredOf(single, { overrides: say(change) }))).toEqual([]);
  });

  it('of mode local is one, too', () => {
    const local = documentOf({ vips: [{ address: '203.0.113.53', mode: 'local', blackhole: true }] });
    expect(routesOf(desiredOf(local))).toEqual([{ prefix: '203.0.113.53/32', policy: {}, blackhole: true, usesPath: false }]);
  });
});

describe('a word that was just said', () => {
  const draining = new Set(['maintenance node', 'hold 203.0.113.10:80/tcp']);
  const maintenance = say({ kind: 'maintenance', value: true });
  const single = documentOf();
  const announced = new Set([host]);

  it('lets the routes that routers have drain, and takes on no others', () => {
    const desired = desiredOf(single, { overrides: maintenance, draining, announced });
    expect(routesOf(desired)).toEqual([{ prefix: host, policy: {}, draining: true, usesPath: true }]);
    expect(desired.vips[0]?.announce).toEqual({ kind: 'draining', reason: 'maintenance by alice' });
    expect(routesOf(desiredOf(single, { overrides: maintenance, draining }))).toEqual([]);
  });

  it('withdraws once its drain is over', () => {
    expect(routesOf(desiredOf(single, { overrides: maintenance, announced }))).toEqual([]);
  });

  it('does not keep a route for health’s sake', () => {
    const failing = observedOf(configOf(single), { '10.0.2.21': down, '10.0.2.22': down });
    expect(routesOf(desiredOf(single, { overrides: maintenance, draining, announced, observed: failing }))).toEqual([]);
  });

  it('counts for less than an older one that has withdrawn the VIP already', () => {
    const overrides = new Map([...maintenance, ...say({ kind: 'hold', target: '203.0.113.10:80/tcp', value: true })]);
    const onlyMaintenance = new Set(['maintenance node']);
    expect(routesOf(desiredOf(single, { overrides, draining: onlyMaintenance, announced }))).toEqual([]);
  });

  it('drains a blackhole as such, and an aggregate only with all that is up in it', () => {
    const hole = desiredOf(documentOf({ vips: [{ ...webVip, blackhole: true }] }), {
      overrides: maintenance,
      draining,
      announced,
    });
    expect(routesOf(hole)).toMatchObject([{ prefix: host, blackhole: true, draining: true }]);
    const hold = say({ kind: 'hold', target: '203.0.113.10:80/tcp', value: true });
    const some = desiredOf(text, { overrides: hold, draining, announced: new Set([aggregate]) });
    expect(routesOf(some)[0]).toEqual({ prefix: aggregate, policy: { communities: ['65000:1'] }, usesPath: true });
    const all = desiredOf(text, { overrides: hold, draining, announced: new Set([aggregate]), observed: observed('10.0.2.22') });
    expect(routesOf(all)[0]).toMatchObject({ prefix: aggregate, draining: true });
  });
});

describe('routes whose place others take', () => {
  const replacedBy = (before: string, after: string, more: Parameters<typeof desiredOf>[1] = {}): readonly string[] => {
    const desired = desiredOf(after, more);
    const wanted = routesOf(desired);
    const prefixes = new Set(wanted.map(({ prefix }) => prefix));
    const lost = routesOf(desiredOf(before)).filter(({ prefix }) => !prefixes.has(prefix));
    return [...replacedOf(lost, desired, wanted)].sort();
  };
  const alone = documentOf({ vips, pools });

  it('are those of VIPs that an aggregate now stands for, and an aggregate whose VIPs have their own', () => {
    expect(replacedBy(alone, text)).toEqual([host, '203.0.113.11/32'].sort());
    expect(replacedBy(text, alone)).toEqual([aggregate]);
  });

  it('are not those that leave, nor those that health or an operator takes', () => {
    expect(replacedBy(alone, documentOf({ vips: vips.slice(1), pools }))).toEqual([]);
    expect(replacedBy(alone, alone, { observed: observed('10.0.2.22') })).toEqual([]);
    expect(replacedBy(alone, alone, { overrides: say({ kind: 'hold', target: '203.0.113.10:80/tcp', value: true }) })).toEqual(
      [],
    );
  });

  it('are not replaced by a blackhole', () => {
    const hole = documentOf({ vips: [{ ...webVip, blackhole: true }, ...vips.slice(1)], pools, tenant });
    const failing = { observed: observedOf(configOf(hole), { '10.0.2.22': down }) };
    expect(replacedBy(text, hole, failing)).toEqual([]);
  });
});
