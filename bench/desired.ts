// Desired states for benchmarks, built directly: what a document of that size resolves to.

import type { Prefix } from '../src/model/address.ts';
import type { Desired, DesiredBackend, DesiredPool, DesiredVip } from '../src/model/desired.ts';
import { defaultTimeouts, vipName } from '../src/model/vip.ts';

const answers = { rate: 1000, burst: 200 };

export interface Size {
  readonly vips: number;
  readonly pools: number;
  readonly backendsPerPool: number;
  readonly tableSize: number;
}

export function desiredOf({ vips, pools, backendsPerPool, tableSize }: Size): Desired {
  return {
    revision: 1,
    node: {
      address: '192.0.2.11', // outside 10.0.0.0/8, where the flows come from: its packets would be loops
      address6: '2001:db8:1::11',
      entropy: { prefix: null, prefix6: null },
      devices: [{ name: 'eth0', mac: '02:00:00:00:00:01', mtuBytes: 1500 }],
      answers: { echo: answers, tooBig: answers, timeExceeded: answers },
    },
    clusterSecret: '5a'.repeat(32),
    tenants: [{ name: 'acme', plan: null }],
    vips: [...Array.from({ length: vips }, (_, i) => vipOf(i, `pool-${i % pools}`)), ipv6Vip()],
    localVips: [],
    pools: Array.from({ length: pools }, (_, i) => poolOf(i, backendsPerPool, tableSize)),
  };
}

/** One more, for packets of the other family. */
function ipv6Vip(): DesiredVip {
  return vipAt({ address: '2001:db8:b::', length: 128 }, 'pool-0');
}

function vipOf(i: number, pool: string): DesiredVip {
  return vipAt({ address: `203.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, length: 32 }, pool);
}

function vipAt(prefix: Prefix, pool: string): DesiredVip {
  const ports = { first: 80, last: 80 };
  return {
    name: vipName(prefix, ports, 'tcp'),
    prefix,
    protocol: 'tcp',
    ports,
    tenant: 'acme',
    pool,
    activePool: pool,
    keptPool: pool,
    hash: '5tuple',
    encap: 'ipip',
    entropy: false,
    timeouts: defaultTimeouts,
    announce: { kind: 'announce' },
    aggregate: null,
    isBlackhole: false,
    policy: {},
  };
}

function poolOf(number: number, backends: number, tableSize: number): DesiredPool {
  const name = `pool-${number}`;
  return {
    name,
    tableSize,
    usable: true,
    fallback: null,
    backends: Array.from({ length: backends }, (_, i): DesiredBackend => {
      const n = number * backends + i;
      return {
        pool: name,
        address: `10.${1 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`,
        weight: 100,
        state: 'active',
        health: 'up',
        nextHop: { kind: 'resolved', device: 'eth0', mac: '02:00:00:00:00:02', mtuBytes: 1500 },
        takesNewFlows: true,
        keepsFlows: true,
        reason: null,
      };
    }),
  };
}
