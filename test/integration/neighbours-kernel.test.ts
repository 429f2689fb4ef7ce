// Next hops as a real kernel knows them: resolved, changed, lost, by gateways and with reasons.

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { NeighbourChanges } from '../../src/dataplane/neighbours.ts';
import type { NextHop } from '../../src/model/backend.ts';
import { buildNative } from '../support/native-build.ts';
import { bed, build, endPrograms, remove, sh, start } from './support/packet-bed.ts';

const program = fileURLToPath(new URL('../../dist/test/integration/support/neighbours-node.js', import.meta.url));

/** What a follower in the balancer's namespace has said so far. */
class Follower {
  readonly hops = new Map<string, NextHop>();
  readonly #child;

  constructor(addresses: readonly string[], options: { devices?: string; wrap?: readonly string[] } = {}) {
    const { devices = 'front,back', wrap = [] } = options;
    this.#child = start('balancer', [...wrap, process.execPath, program, devices, addresses.join(',')], 'ipc');
    this.#child.on('message', ({ nextHops }: NeighbourChanges) => {
      for (const [address, hop] of nextHops) this.hops.set(address, hop);
    });
  }

  /** The hop of `address` once it is as wanted. */
  async until(address: string, isWanted: (hop: NextHop) => boolean): Promise<NextHop> {
    const signal = AbortSignal.timeout(8000);
    for (;;) {
      const hop = this.hops.get(address);
      if (hop !== undefined && isWanted(hop)) return hop;
      await once(this.#child, 'message', { signal });
    }
  }
}

const isResolved = (hop: NextHop) => hop.kind === 'resolved';
const resolved = { kind: 'resolved', device: 'back', mac: bed.backendMac, mtuBytes: 1500 };

describe('next hops from the kernel', () => {
  beforeAll(() => {
    buildNative('all');
    build();
    sh('balancer', 'ip route add 10.94.0.0/24 via 10.92.0.2 mtu 1400; ip route add blackhole 10.95.0.0/24');
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
    const follower = new Follower([bed.node, '192.0.2.1', '10.95.0.1', bed.client], { devices: 'back' });
    const reasons = {
      [bed.node]: '10.92.0.1 is an address of this host',
      '192.0.2.1': 'no route to 192.0.2.1: network is unreachable',
      '10.95.0.1': 'no route to 10.95.0.1: blackhole route',
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
});
