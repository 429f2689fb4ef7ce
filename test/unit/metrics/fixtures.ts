// Small sources with one of everything, and a CounterReader over plain numbers.

import type { QueueFacts } from '../../../src/dataplane/addon.ts';
import type { WorkerCounters } from '../../../src/dataplane/counters.ts';
import type { CounterReader, MetricsDirectory, MetricsState } from '../../../src/metrics/sources.ts';
import { views } from '../api/memory-node.ts';

export const worker: WorkerCounters = {
  generation: 9,
  rxPackets: 12,
  rxBytes: 1200,
  txPackets: 10,
  txBytes: 1400,
  bursts: 3,
  busyNs: 2_500_000_000,
  heartbeat: 1,
  untracked: 1,
  evicted: 2,
  resteered: 3,
  newFlows: 4,
  flows: 5,
  rxLost: 6,
  txErrors: 7,
  verdicts: [9, 0, 1, 2],
};

export class FixedCounters implements CounterReader {
  readonly verdicts = [
    { number: 0, kind: 'forward', reason: 'none' },
    { number: 1, kind: 'pass', reason: 'none' },
    { number: 2, kind: 'answer', reason: 'echo' },
    { number: 3, kind: 'drop', reason: 'cps_limited' },
    { number: 4, kind: 'drop', reason: 'malformed' },
  ] as const;
  list: WorkerCounters[] = [worker];

  workers() {
    return this.list;
  }

  vip(index: number) {
    return {
      bytesIn: index * 100,
      bytesOut: 120,
      newFlows: 4,
      untracked: 0,
      evicted: 0,
      resteered: 0,
      verdicts: [9, 0, 1, 2, 0],
    };
  }

  queues() {
    return queues;
  }

  backend(index: number) {
    return { packets: index * 10, bytesIn: 900, bytesOut: 1080, newFlows: 4, resteered: 1, unreachable: index };
  }

  tenant() {
    return { admitted: 4, limited: 2 };
  }
}

export const directory: MetricsDirectory = {
  revision: 7,
  generation: 9,
  vips: [
    { index: 1, vip: '203.0.113.10:80/tcp', tenant: 'acme', announced: true, blackholed: false, health: null },
    { index: 0, vip: '203.0.113.53', tenant: 'acme', announced: false, blackholed: true, health: 'down' },
  ],
  backends: [
    { index: 1, pool: 'acme-web', address: '10.0.2.21', weight: 100, health: 'up', takesNewFlows: true },
    { index: 2, pool: 'acme-web', address: '10.0.2.22', weight: 50, health: 'unknown', takesNewFlows: false },
  ],
  tenants: [
    { index: 1, tenant: 'acme', cps: 1000, burst: 2000 },
    { index: 2, tenant: 'free', cps: null, burst: null },
  ],
  pools: [
    {
      pool: 'acme-web',
      tableSize: 65537,
      usable: true,
      checksums: { fillChecksum: 'ffffffffffffffff', tableChecksum: '0000000000001abc' },
    },
  ],
};

export const state: MetricsState = {
  startedAtMs: 1_700_000_000_500,
  ready: true,
  maintenance: false,
  overrides: 2,
  applied: 3,
  refused: 1,
  applyMs: 12,
  peers: views.peers,
  bfdDiscards: { stranger: 3 },
  checks: [
    { key: 'acme-web/10.0.2.21|tcp:80', passed: 10, failed: 2, inconclusive: 0, latencyMs: 1.5 },
    { key: 'acme-web/10.0.2.21|http:80/a|b', passed: 1, failed: 0, inconclusive: 1, latencyMs: null },
    { key: 'vip 203.0.113.53|127.0.0.1 tcp:53', passed: 0, failed: 5, inconclusive: 0, latencyMs: 2 },
  ],
  eventLoops: [{ thread: 'main', p50Ms: 0.1, p99Ms: 2, maxMs: 15 }],
  devices: ['eth0'],
  workers: [{ device: 'eth0', engine: 'af_packet', flowCapacity: 1_048_576 }],
};

const empty = { size: 0, used: 0 };
const nothingLost = { rxDropped: 0, rxInvalid: 0, txInvalid: 0, rxRingFull: 0, fillRingEmpty: 0, txRingEmpty: 0 };

export const queues: readonly QueueFacts[] = [
  {
    device: 0,
    worker: 0,
    queue: 3,
    engine: 'af_xdp',
    xdp: 'native',
    copy: 'zero-copy',
    busyPolling: true,
    hugePages: true,
    reason: '',
    rings: { fill: { size: 2048, used: 2000 }, rx: { size: 2048, used: 7 }, tx: empty, completion: empty },
    statistics: { ...nothingLost, fillRingEmpty: 5 },
  },
  {
    device: 0,
    worker: 1,
    queue: 4,
    engine: 'af_packet',
    xdp: 'none',
    copy: 'ring',
    busyPolling: false,
    hugePages: false,
    reason: 'no XDP here',
    rings: { fill: empty, rx: { size: 128, used: 1 }, tx: empty, completion: empty },
    statistics: { ...nothingLost, rxDropped: 2 },
  },
];
