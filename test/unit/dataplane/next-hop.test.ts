import { describe, expect, it } from 'vitest';
import { decideNextHop, isUsable, neighbourOf, nud, type Surroundings, type Target } from '../../../src/dataplane/next-hop.ts';
import type { Link, Route } from '../../../src/net.ts';
import { eth0 } from './links.ts';

const eth9: Link = {
  name: 'eth9',
  ifindex: 9,
  mac: '02:00:00:00:00:09',
  mtuBytes: 9000,
  isUp: true,
  kind: '',
  master: 0,
  lower: 0,
};
const around: Surroundings = {
  devices: ['eth0'],
  links: new Map([
    [2, eth0],
    [9, eth9],
  ]),
};
const onLink: Route = { kind: 'unicast', ifindex: 2, gateway: null, source: '10.0.2.1', mtuBytes: null };
const good: Target = { ifindex: 2, address: '10.0.2.21', mac: '02:00:00:00:02:21', phase: 'good' };

function decide(route: Route | undefined, target?: Target, surroundings = around) {
  return decideNextHop('10.0.2.21', route, target, surroundings);
}

describe('the next hop of a backend', () => {
  it('is the backend itself on the same segment', () => {
    expect(decide(onLink, good)).toEqual({ kind: 'resolved', device: 'eth0', mac: '02:00:00:00:02:21', mtuBytes: 1500 });
  });

  it('is the gateway where the route has one', () => {
    const route: Route = { ...onLink, gateway: '10.0.0.1' };
    expect(neighbourOf('10.0.2.21', route)).toEqual({ ifindex: 2, address: '10.0.0.1' });
    expect(neighbourOf('10.0.2.21', onLink)).toEqual({ ifindex: 2, address: '10.0.2.21' });
    expect(neighbourOf('10.0.2.21', { kind: 'none', reason: 'x' })).toBeUndefined();
    expect(neighbourOf('10.0.2.21', { ...route, hasEncap: true })).toBeUndefined();
    expect(decide(route, { ...good, address: '10.0.0.1' })).toMatchObject({ kind: 'resolved', isGateway: true });
  });

  it("has the route's MTU when that is smaller than the link's, never a larger one", () => {
    expect(decide({ ...onLink, mtuBytes: 1400 }, good)).toMatchObject({ mtuBytes: 1400 });
    expect(decide({ ...onLink, mtuBytes: 9000 }, good)).toMatchObject({ mtuBytes: 1500 });
  });

  it('is unknown, and not unresolved, while route or neighbour are still being asked for', () => {
    expect(decide(undefined)).toBeUndefined();
    expect(decide(onLink)).toBeUndefined();
    expect(decide(onLink, { ...good, phase: 'pending' })).toBeUndefined();
  });

  it.each<[string, Route, Target | undefined, Surroundings]>([
    ['no route to 10.0.2.21: network is unreachable', { kind: 'none', reason: 'Network is unreachable' }, undefined, around],
    ['10.0.2.21 is an address of this host', { ...onLink, kind: 'local' }, undefined, around],
    ['10.0.2.21 is not the address of one host', { ...onLink, kind: 'other' }, undefined, around],
    [
      'the route to 10.0.2.21 leaves by eth9, which is not one of node.devices (eth0)',
      { ...onLink, ifindex: 9 },
      undefined,
      around,
    ],
    ['the device that the route to 10.0.2.21 leaves by is gone', { ...onLink, ifindex: 3 }, undefined, around],
    ['eth0 is down', onLink, good, { ...around, links: new Map([[2, { ...eth0, isUp: false }]]) }],
    ['10.0.2.21 does not answer ARP on eth0', onLink, { ...good, phase: 'failed' }, around],
    [
      'gateway 10.0.0.1 does not answer ARP on eth0',
      { ...onLink, gateway: '10.0.0.1' },
      { ...good, address: '10.0.0.1', phase: 'failed' },
      around,
    ],
    [
      'gateway fe80::1 does not answer neighbour discovery on eth0',
      { ...onLink, gateway: 'fe80::1' },
      { ...good, address: 'fe80::1', phase: 'failed' },
      around,
    ],
  ])('is unresolved because %s', (reason, route, target, surroundings) => {
    expect(decide(route, target, surroundings)).toEqual({ kind: 'unresolved', reason });
  });

  it('is usable in exactly the neighbour states in which the kernel would send', () => {
    const usable = Object.entries(nud).filter(([, state]) => isUsable(state));
    expect(usable.map(([name]) => name)).toEqual(['reachable', 'stale', 'delay', 'probe', 'noArp', 'permanent']);
  });
});
