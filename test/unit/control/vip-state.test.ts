// The list "When a VIP is announced" of docs/bgp.md: each condition alone, and the words for it.

import { describe, expect, it } from 'vitest';
import type { ResolveInput } from '../../../src/control/desired.ts';
import type { NodeFacts } from '../../../src/control/messages.ts';
import { noOverrides, type Overrides, withChange } from '../../../src/control/overrides.ts';
import { routesOf } from '../../../src/control/routes.ts';
import { type VipState, vipStates } from '../../../src/control/vip-state.ts';
import type { Change } from '../../../src/model/views.ts';
import { configOf, desiredOf, documentOf, observedOf, webVip } from './world.ts';

const facts: NodeFacts = {
  ready: true,
  blocked: null,
  unheard: { 4: null, 6: null },
  heldDown: [],
  peers: { total: 1, established: 1 },
  engine: 'memory',
  devices: [],
  workers: [],
  flowCapacity: 0,
  warnings: [],
};
const down = { health: 'down' as const, reason: 'tcp 80: connection refused' };
const anyTarget = { hasVip: () => true, hasBackend: () => true, poolsOf: () => ['web'] };
const say = (change: Change, why: string | null = null): Overrides =>
  withChange(noOverrides, anyTarget, { change, context: { by: 'alice', why, forSec: null, ifRevision: null }, nowMs: 0 });
const maintenance = say({ kind: 'maintenance', value: true }, 'new kernel');
const hold = say({ kind: 'hold', target: '203.0.113.10:80/tcp', value: true });
const drain = { draining: new Set([...maintenance.keys(), ...hold.keys()]), announced: new Set(['203.0.113.10/32']) };

const one = documentOf({ pools: { web: { backends: ['10.0.2.21'] } } });

interface Situation {
  readonly text?: string;
  readonly input?: Partial<ResolveInput>;
  readonly facts?: Partial<NodeFacts>;
  /** Workers have adopted nothing yet. */
  readonly isNew?: boolean;
  /** The VIP that is asked about; else the first by name. */
  readonly vip?: string;
}

function stateIn({ text = one, input = {}, facts: more = {}, isNew = false, vip: name }: Situation): VipState {
  const desired = desiredOf(text, input);
  const newest = { desired, routes: routesOf(desired) };
  const stateOf = vipStates({ facts: { ...facts, ...more }, newest, applied: isNew ? null : newest });
  const vips = [...newest.desired.vips, ...newest.desired.localVips];
  const vip = vips.find((each) => each.name === name) ?? vips[0];
  if (vip === undefined) throw new Error('no VIP');
  return stateOf(vip);
}

const withHealth = (text: string, ...addresses: readonly string[]): Partial<ResolveInput> => ({
  observed: observedOf(configOf(text), Object.fromEntries(addresses.map((address) => [address, down]))),
});
const unresolved = { observed: { ...observedOf(configOf(one)), nextHops: new Map() } };
const stuck = 'the packet path makes no progress (worker 1)';
const heldDown = 'held down 3 s more after flapping (3 withdrawals by health)';
const unheard = 'no BGP session: peer 10.0.1.1 idle';

const conditions: readonly [condition: string, situation: Situation, reason: string][] = [
  ['its tables are adopted by every worker', { isNew: true }, 'not yet adopted by every worker'],
  [
    'its pool has a usable backend',
    { input: withHealth(one, '10.0.2.21') },
    'no usable backend in pool web: 10.0.2.21 down (tcp 80: connection refused)',
  ],
  [
    'its pool is known',
    {
      text: documentOf(),
      input: {
        warming: new Set(['web']),
        observed: observedOf(configOf(documentOf()), { '10.0.2.22': { health: 'unknown', reason: null } }),
      },
    },
    'first checks in pool web are under way: 10.0.2.22 unknown (waiting for its first checks)',
  ],
  [
    'the next hop of a usable backend resolves',
    { input: unresolved },
    'no usable backend in pool web: 10.0.2.21 next hop unresolved (next hop not looked up yet)',
  ],
  ['the packet path makes progress', { facts: { blocked: stuck } }, stuck],
  ['the node is not in maintenance', { input: { overrides: maintenance } }, 'maintenance by alice: new kernel'],
  ['nobody holds it', { input: { overrides: hold } }, 'held by alice (203.0.113.10:80/tcp)'],
  ['no hold-down is on', { facts: { heldDown: [['203.0.113.10/32', heldDown]] } }, heldDown],
  ['a router hears of it', { facts: { unheard: { 4: unheard, 6: null } } }, unheard],
  ['a device forwards', { text: documentOf({ node: { devices: [] } }) }, 'node.devices is empty: nothing forwards packets here'],
];

describe('a VIP', () => {
  it('is announced where nothing stands against it', () => {
    expect(stateIn({})).toEqual({ state: 'announced', reason: null });
  });

  it.each(conditions)('is announced only while %s', (_condition, situation, reason) => {
    expect(stateIn(situation)).toEqual({ state: 'withheld', reason });
  });

  it('is announced without a usable backend where onAllDown says so', () => {
    const text = documentOf({ pools: { web: { backends: ['10.0.2.21'], onAllDown: 'drop' } } });
    expect(stateIn({ text, input: withHealth(text, '10.0.2.21') })).toEqual({ state: 'announced', reason: null });
  });

  it('drains at first when an operator withdraws it', () => {
    const asked = 'routers are asked to prefer other ways before it is withdrawn';
    expect(stateIn({ input: { overrides: maintenance, ...drain } })).toEqual({
      state: 'draining',
      reason: `maintenance by alice: new kernel; ${asked}`,
    });
    expect(stateIn({ input: { overrides: hold, ...drain } })).toEqual({
      state: 'draining',
      reason: `held by alice (203.0.113.10:80/tcp); ${asked}`,
    });
  });

  it('is a blackhole where the document says so, whatever its backends and the packet path do', () => {
    const text = documentOf({ vips: [{ ...webVip, blackhole: true }] });
    const hole = { state: 'blackhole', reason: 'announced as a blackhole: routers discard its packets' };
    expect(stateIn({ text })).toEqual(hole);
    expect(stateIn({ text, input: withHealth(text, '10.0.2.21', '10.0.2.22'), facts: { blocked: stuck } })).toEqual(hole);
    expect(stateIn({ text, facts: { unheard: { 4: unheard, 6: null } } })).toEqual({ state: 'withheld', reason: unheard });
    expect(stateIn({ text, isNew: true }).reason).toBe('not yet adopted by every worker');
  });

  it('of mode local does not wait for the packet path', () => {
    const text = documentOf({ vips: [{ address: '203.0.113.53', mode: 'local' }] });
    expect(stateIn({ text, facts: { blocked: stuck } })).toEqual({ state: 'announced', reason: null });
  });
});

describe('a VIP inside an aggregate', () => {
  const vips = [webVip, { ...webVip, address: '203.0.113.11', pool: 'other' }];
  const pools = { web: { backends: ['10.0.2.21'] }, other: { backends: ['10.0.2.22'] } };
  const text = documentOf({ vips, pools, tenant: { announce: ['203.0.113.0/28'] } });
  const still = '203.0.113.0/28 stays announced for others, so its packets still come here';

  it('is announced as that', () => {
    expect(stateIn({ text })).toEqual({ state: 'announced', reason: 'announced as 203.0.113.0/28' });
  });

  it('is withheld while the aggregate stays for others, which its reason says', () => {
    const down21 = 'no usable backend in pool web: 10.0.2.21 down (tcp 80: connection refused)';
    expect(stateIn({ text, input: withHealth(text, '10.0.2.21') })).toEqual({
      state: 'withheld',
      reason: `${down21}; ${still}`,
    });
    const held = { text, input: { overrides: hold, draining: drain.draining, announced: new Set(['203.0.113.0/28']) } };
    expect(stateIn(held)).toEqual({ state: 'withheld', reason: `held by alice (203.0.113.10:80/tcp); ${still}` });
    expect(stateIn({ text, input: withHealth(text, '10.0.2.21', '10.0.2.22') }).reason).toBe(down21);
  });

  it('waits with the aggregate for a hold-down and for routers', () => {
    expect(stateIn({ text, facts: { heldDown: [['203.0.113.0/28', heldDown]] } }).reason).toBe(heldDown);
    expect(stateIn({ text, facts: { unheard: { 4: unheard, 6: null } } }).reason).toBe(unheard);
  });
});

describe('a VIP that shares its address', () => {
  it('tells when the route stays for another', () => {
    const text = documentOf({
      vips: [webVip, { ...webVip, ports: [443], pool: 'other' }],
      pools: { web: { backends: ['10.0.2.21'] }, other: { backends: ['10.0.2.22'] } },
    });
    expect(stateIn({ text, input: withHealth(text, '10.0.2.21'), vip: '203.0.113.10:80/tcp' }).reason).toContain(
      '; 203.0.113.10/32 stays announced for others',
    );
  });
});
