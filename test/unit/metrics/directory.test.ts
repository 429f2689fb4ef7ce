import { expect, it } from 'vitest';
import { makeDirectory } from '../../../src/metrics/directory.ts';
import type { Desired } from '../../../src/model/desired.ts';
import { defaultTimeouts } from '../../../src/model/vip.ts';
import { directory } from './fixtures.ts';

const nextHop = { kind: 'unresolved', reason: 'no neighbour' } as const;
const backend = { pool: 'acme-web', state: 'active', nextHop, keepsFlows: true, reason: null } as const;
const rate = { rate: 1000, burst: 200 };

const desired: Desired = {
  revision: 7,
  node: {
    address: '10.0.1.11',
    address6: null,
    devices: [],
    entropy: { prefix: null, prefix6: null },
    answers: { echo: rate, tooBig: rate, timeExceeded: rate },
  },
  clusterSecret: '00'.repeat(32),
  tenants: [
    { name: 'acme', plan: { name: 'standard', cps: 1000, burst: 2000, udp: false } },
    { name: 'free', plan: null },
  ],
  vips: ['203.0.113.10:80/tcp'].map((name) => ({
    name,
    prefix: { address: '203.0.113.10', length: 32 },
    protocol: 'tcp',
    ports: { first: 80, last: 80 },
    tenant: 'acme',
    pool: 'acme-web',
    activePool: 'acme-web',
    keptPool: 'acme-web',
    hash: '5tuple',
    encap: 'ipip',
    entropy: false,
    timeouts: defaultTimeouts,
    announce: { kind: 'announce' },
    aggregate: null,
    isBlackhole: false,
    policy: {},
  })),
  localVips: [
    {
      name: '203.0.113.53',
      prefix: { address: '203.0.113.53', length: 32 },
      tenant: 'acme',
      health: 'down',
      announce: { kind: 'withheld', by: 'health', reason: 'service at 203.0.113.53 down (tcp 53: connection refused)' },
      policy: {},
      aggregate: null,
      isBlackhole: true,
    },
  ],
  pools: [
    {
      name: 'acme-web',
      tableSize: 65537,
      usable: true,
      fallback: null,
      backends: [
        { ...backend, address: '10.0.2.21', weight: 100, health: 'up', takesNewFlows: true },
        { ...backend, address: '10.0.2.22', weight: 50, health: 'unknown', takesNewFlows: false },
      ],
    },
  ],
};

const indices = {
  vips: new Map([['203.0.113.10:80/tcp', { index: 1 }]]),
  backends: new Map([
    ['acme-web/10.0.2.21', { index: 1 }],
    ['acme-web/10.0.2.22', { index: 2 }],
  ]),
  tenants: new Map([
    ['acme', { index: 1 }],
    ['free', { index: 2 }],
  ]),
};
const tables = new Map([['acme-web', { fillChecksum: 'ffffffffffffffff', tableChecksum: '0000000000001abc' }]]);

it('puts what is desired under the indices of the generation', () => {
  expect(makeDirectory({ desired, generation: 9, indices, tables })).toEqual(directory);
});

it('has no indices and no checksums on a node without a packet path', () => {
  const { vips, backends, tenants, pools } = makeDirectory({
    desired,
    generation: 9,
    indices: null,
    tables: new Map(),
  });
  expect([...vips, ...backends, ...tenants].map(({ index }) => index)).toEqual(Array(6).fill(0));
  expect(pools).toEqual([{ pool: 'acme-web', tableSize: 65537, usable: true, checksums: null }]);
});
