// Next hops as a real kernel knows them: resolved, changed, lost, by gateways and with reasons.

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { NeighbourChanges, ObservedLink } from '../../src/dataplane/neighbours.ts';
import type { NextHop } from '../../src/model/backend.ts';
import { buildNative } from '../support/native-build.ts';
import { addIpv6, bed, build, endPrograms, remove, sh, start } from './support/packet-bed.ts';

const program = fileURLToPath(new URL('../../dist/test/integration/support/neighbours-node.js', import.meta.url));

const patienceMs = 20_000;

/** What a follower in the balancer's namespace has said so far. */
class Follower {
  readonly hops = new Map<string, NextHop>();
  readonly devices = new Map<string, ObservedLink>();
  readonly #child;

  constructor(addresses: readonly string[], options: { devices?: string; wrap?: readonly string[]; reprobeMs?: number } = {}) {
    const { devices = 'front,back', wrap = [], reprobeMs = 15_000 } = options;
    const args = [devices, addresses.join(','), String(reprobeMs)];
    this.#child = start('balancer', [...wrap, process.execPath, program, ...args], 'ipc');
    this.#child.on('message', ({ nextHops, devices: seen }: NeighbourChanges) => {
      for (const [address, hop] of nextHops) this.hops.set(address, hop);
      for (const [name, device] of seen) this.devices.set(name, device);
    });
  }

  /** The hop of `address` once it is as wanted. */
  until(address: string, isWanted: (hop: NextHop) => boolean): Promise<NextHop> {
    return this.#seen(this.hops, address, isWanted);
  }

  device(name: string, isWanted: (device: ObservedLink) => boolean): Promise<ObservedLink> {
    return this.#seen(this.devices, name, isWanted);
  }

  async #seen<T>(all: ReadonlyMap<string, T>, key: string, isWanted: (value: T) => boolean): Promise<T> {
    const signal = AbortSignal.timeout(patienceMs);
    for (;;) {
      const value = all.get(key);
      if (value !== undefined && isWanted(value)) return value;
      await once(this.#child, 'message', { signal });
    }
  }
}

const isResolved = (hop: NextHop) => hop.kind === 'resolved';
const resolved = { kind: 'resolved', device: 'back', mac: bed.backendMac, mtuBytes: 1500 };

const clientHop = { device: 'front', mac: bed.clientMac };
const isOn = (device: string) => (hop: NextHop) => hop.kind === 'resolved' && hop.device === device;

describe('next hops from the kernel', () => {
  beforeAll(() => {
    buildNative('all');
    build();
    sh(
      'balancer',
      `ip route add 10.94.0.0/24 via 10.92.0.2 mtu 1400; ip route add blackhole 10.95.0.0/24
       ip route add 10.98.0.0/24 encap ip id 7 dst 10.92.0.9 via 10.92.0.2 dev back`,
    );
  });

  afterEach(async () => {
    await endPrograms();
    sh('balancer', 'ip neigh flush all; ip link set back up');
  });

  afterAll(remove);

  it('resolves a backend on the segment, and one behind a gateway with the MTU of its route', async () => {
    const follower = new Follower([bed.backend, '10.94.0.9']);
    expect(await follower.until(bed.backend, isResolved)).toEqual(resolved);
    expect(await follower.until('10.94.0.9', isResolved)).toEqual({ ...resolved, mtuBytes: 1400, isGateway: true });
  });

  it('resolves without CAP_NET_ADMIN as well', async () => {
    const wrap = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'];
    expect(await new Follower([bed.backend], { wrap }).until(bed.backend, isResolved)).toEqual(resolved);
  });

  it('says in words why there is none', async () => {
    const follower = new Follower([bed.node, '192.0.2.1', '10.95.0.1', '10.98.0.1', bed.client], { devices: 'back' });
    const reasons = {
      [bed.node]: '10.92.0.1 is an address of this host',
      '192.0.2.1': 'no route to 192.0.2.1: network is unreachable',
      '10.95.0.1': 'no route to 10.95.0.1: blackhole route',
      '10.98.0.1': 'the route to 10.98.0.1 has an encapsulation (ip route ... encap), which is not done here',
      [bed.client]: 'the route to 10.91.0.2 leaves by front, which is not one of node.devices (back)',
    };
    for (const [address, reason] of Object.entries(reasons)) {
      expect(await follower.until(address, () => true)).toEqual({ kind: 'unresolved', reason });
    }
  });

  it('says that nobody answers, and sees the one who does in the end', async () => {
    const follower = new Follower(['10.92.0.33']);
    expect(await follower.until('10.92.0.33', () => true)).toEqual({
      kind: 'unresolved',
      reason: '10.92.0.33 does not answer ARP on back',
    });
    sh('backend', 'ip addr add 10.92.0.33/24 dev eth0');
    expect(await follower.until('10.92.0.33', isResolved)).toEqual(resolved);
  });

  it('takes over another MAC, a route that moves and a link that goes down and comes back', async () => {
    const follower = new Follower([bed.backend, '10.94.0.9']);
    await follower.until(bed.backend, isResolved);
    const other = '02:00:00:00:05:99';
    sh('balancer', `ip neigh replace ${bed.backend} lladdr ${other} dev back nud reachable`);
    await follower.until(bed.backend, (hop) => hop.kind === 'resolved' && hop.mac === other);
    sh('balancer', 'ip route replace 10.94.0.0/24 via 10.92.0.2 mtu 1300');
    await follower.until('10.94.0.9', (hop) => hop.kind === 'resolved' && hop.mtuBytes === 1300);
    sh('balancer', 'ip link set back down');
    await follower.until(bed.backend, (hop) => hop.kind === 'unresolved');
    sh('balancer', 'ip link set back up');
    expect(await follower.until(bed.backend, isResolved)).toEqual(resolved);
  });

  it('takes next-hop objects and rules over, which change what routes say without a word of those', async () => {
    sh(
      'balancer',
      `sysctl -qw net.ipv4.nexthop_compat_mode=0
       ip nexthop add id 7 via ${bed.backend} dev back; ip route add 10.96.0.0/24 nhid 7
       ip route add 10.97.0.0/24 via ${bed.backend}; ip route add 10.97.0.0/24 via ${bed.client} table 100`,
    );
    const follower = new Follower(['10.96.0.9', '10.97.0.9']);
    await follower.until('10.96.0.9', isOn('back'));
    await follower.until('10.97.0.9', isOn('back'));
    sh('balancer', `ip nexthop replace id 7 via ${bed.client} dev front`);
    expect(await follower.until('10.96.0.9', isOn('front'))).toEqual({ ...resolved, ...clientHop, isGateway: true });
    sh('balancer', 'ip rule add to 10.97.0.0/24 lookup 100');
    expect(await follower.until('10.97.0.9', isOn('front'))).toEqual({ ...resolved, ...clientHop, isGateway: true });
    sh('balancer', 'ip rule del to 10.97.0.0/24 lookup 100; ip nexthop del id 7');
    await follower.until('10.97.0.9', isOn('back'));
    await follower.until('10.96.0.9', (hop) => hop.kind === 'unresolved');
  });

  it('reports another MAC and another MTU of a device, and next hops have the new MTU', async () => {
    const follower = new Follower([bed.backend]);
    await follower.until(bed.backend, isResolved);
    expect(follower.devices.get('back')).toEqual({ mac: bed.backMac, mtuBytes: 1500, isUp: true });
    sh('balancer', 'ip link set back address 02:00:00:00:0b:99');
    await follower.device('back', ({ mac }) => mac === '02:00:00:00:0b:99');
    sh('balancer', `ip link set back address ${bed.backMac}; ip link set back mtu 1400`);
    await follower.until(bed.backend, (hop) => hop.kind === 'resolved' && hop.mtuBytes === 1400);
    expect(await follower.device('back', ({ mac }) => mac === bed.backMac)).toMatchObject({ mtuBytes: 1400 });
    sh('balancer', 'ip link set back mtu 1500');
    await follower.until(bed.backend, (hop) => hop.kind === 'resolved' && hop.mtuBytes === 1500);
  });

  it('asks again while a next hop is in use, which the kernel, who sees no traffic, would not', async () => {
    const base = 'net.ipv4.neigh.back';
    sh('balancer', `sysctl -qw ${base}.base_reachable_time_ms=200 ${base}.delay_first_probe_time=1 ${base}.retrans_time_ms=50`);
    const follower = new Follower([bed.backend], { reprobeMs: 500 });
    await follower.until(bed.backend, isResolved);
    sh('backend', 'ip addr del 10.92.0.2/24 dev eth0');
    expect(await follower.until(bed.backend, (hop) => hop.kind === 'unresolved')).toEqual({
      kind: 'unresolved',
      reason: '10.92.0.2 does not answer ARP on back',
    });
    sh('backend', 'ip addr add 10.92.0.2/24 dev eth0');
    await follower.until(bed.backend, isResolved);
  });

  it('resolves IPv6 backends on a segment and behind a link-local gateway, and IPv4 ones behind an IPv6 gateway', async () => {
    addIpv6();
    const gateway = 'fe80::ff:fe00:500';
    sh('balancer', `ip route add fd94::/64 via ${gateway} dev back; ip route add 10.98.0.0/24 via inet6 ${gateway} dev back`);
    const follower = new Follower([bed.backend6, bed.client6, 'fd94::9', '10.98.0.9', 'fd92::33']);
    expect(await follower.until(bed.backend6, isResolved)).toEqual(resolved);
    expect(await follower.until(bed.client6, isResolved)).toEqual({ ...resolved, ...clientHop });
    for (const address of ['fd94::9', '10.98.0.9']) {
      expect(await follower.until(address, isResolved)).toEqual({ ...resolved, isGateway: true });
    }
    expect(await follower.until('fd92::33', () => true)).toEqual({
      kind: 'unresolved',
      reason: 'fd92::33 does not answer neighbour discovery on back',
    });
  });
});
