// A NodeControl in memory, with the behaviour that the contract of model/views.ts asks for: revisions, overrides, errors.

import { ToriiError } from '../../../src/errors.ts';
import type { CaptureQuery, RunningCapture } from '../../../src/model/capture.ts';
import type { PeerMessage } from '../../../src/model/peer.ts';
import type {
  BackendView,
  Change,
  ChangeContext,
  EngineView,
  ExplainView,
  FlowQuery,
  FlowsView,
  NodeControl,
  ReadView,
  Resource,
  StatusView,
} from '../../../src/model/views.ts';

const traffic = { packets: 10, bytesIn: 1000, bytesOut: 1200, newFlows: 2 };

export const status: StatusView = {
  node: '10.0.1.11',
  version: '0.1.0',
  startedAt: '2025-01-01T00:00:00.000Z',
  ready: true,
  revision: 7,
  generation: 9,
  source: '/etc/torii/torii.yaml',
  appliedAt: '2025-01-01T00:00:01.000Z',
  applyMs: 12,
  lastError: null,
  warnings: [],
  vips: { total: 2, announced: 1 },
  backends: { total: 2, usable: 1 },
  peers: { total: 1, established: 1 },
  engine: 'af_packet',
  workers: [
    {
      worker: 0,
      device: 'eth0',
      engine: 'af_packet',
      core: 1,
      busyRatio: 0.125,
      burstSize: 2.5,
      generation: 9,
      rxPackets: 10,
      rxLost: 0,
      flows: 2,
      verdicts: { forward: 9, no_vip_port: 1 },
    },
  ],
  flowTable: { entries: 2, capacity: 1_048_576, untracked: 0, evicted: 0 },
  overrides: [],
};

const noRing = { size: 0, used: 0 };

export const engine: EngineView = {
  engine: 'af_xdp,af_packet',
  devices: [
    {
      device: 'eth0',
      asked: 'auto',
      state: 'up',
      queues: [0, 1].map((queue) => ({
        queue,
        worker: 0,
        engine: 'af_xdp',
        xdp: 'native' as const,
        copy: 'zero-copy' as const,
        busyPolling: queue === 0,
        hugePages: true,
        reason: null,
        rings: {
          fill: { size: 4096, used: 4000 },
          rx: { size: 2048, used: 3 },
          tx: { size: 2048, used: 0 },
          completion: { size: 2048, used: 0 },
        },
        statistics: { rxDropped: 0, rxInvalid: 0, txInvalid: 0, rxRingFull: 0, fillRingEmpty: queue * 12, txRingEmpty: 7 },
      })),
    },
    {
      device: 'eth1',
      asked: 'auto',
      state: 'down',
      queues: [
        {
          queue: 0,
          worker: 0,
          engine: 'af_packet',
          xdp: 'none',
          copy: 'ring',
          busyPolling: false,
          hugePages: false,
          reason: 'eth1: its driver takes no XDP program',
          rings: { fill: noRing, rx: { size: 128, used: 1 }, tx: noRing, completion: noRing },
          statistics: { rxDropped: 0, rxInvalid: 0, txInvalid: 0, rxRingFull: 0, fillRingEmpty: 0, txRingEmpty: 0 },
        },
      ],
    },
  ],
  workers: status.workers,
};

function backend(address: string, changes: Partial<BackendView> = {}): BackendView {
  return {
    pool: 'acme-web',
    address,
    weight: 100,
    state: 'active',
    health: 'up',
    takesNewFlows: true,
    reason: null,
    share: 0.5,
    nextHop: { device: 'eth0', mac: '02:00:00:00:00:02', mtuBytes: 1500 },
    traffic,
    resteered: 0,
    unreachable: 0,
    ...changes,
  };
}

export const views: ReadView = {
  status,
  engine,
  vips: ['203.0.113.10:80/tcp', '[2001:db8::10]:443/tcp'].map((vip, i) => ({
    vip,
    tenant: 'acme',
    mode: 'forward' as const,
    pool: 'acme-web',
    activePool: 'acme-web',
    health: null,
    state: i === 0 ? ('announced' as const) : ('withheld' as const),
    reason: i === 0 ? null : 'no backend of pool acme-web is up',
    usableBackends: i === 0 ? 1 : 0,
    backends: 2,
    traffic,
    drops: i === 0 ? {} : { no_backend: 3 },
  })),
  backends: [
    backend('10.0.2.21'),
    backend('10.0.2.22', {
      health: 'down',
      takesNewFlows: false,
      share: 0,
      reason: 'health check: connection refused',
      nextHop: null,
      unreachable: 12,
    }),
  ],
  pools: [
    {
      pool: 'acme-web',
      tableSize: 65537,
      usable: true,
      backends: 2,
      fillChecksum: '0123456789abcdef',
      tableChecksum: 'fedcba9876543210',
    },
  ],
  tenants: [{ tenant: 'acme', plan: 'standard', cps: 1000, burst: 2000, admitted: 5, limited: 1, vips: 2 }],
  peers: [
    {
      address: '10.0.1.1',
      as: 65000,
      state: 'established',
      uptimeSec: 61,
      holdTimeSec: 9,
      families: ['ipv4 unicast'],
      announced: 1,
      flaps: 0,
      lastError: { direction: 'received', code: 6, subcode: 2, text: 'administrative shutdown', at: '2025-01-01T00:00:00.000Z' },
      bfd: {
        state: 'up',
        remoteState: 'up',
        uptimeSec: 60,
        intervalMs: 100,
        multiplier: 3,
        sendIntervalMs: 300,
        detectTimeMs: 900,
        flaps: 1,
        lastDiag: 'control detection time expired',
        trouble: null,
        packets: { sent: 20, received: 19, discarded: 0 },
      },
      messages: { sent: { open: 1 }, received: { open: 1 } },
    },
  ],
};

export const peerMessages: readonly PeerMessage[] = [
  { at: '2025-01-01T00:00:00.000Z', direction: 'sent', bytes: 19, kind: 'keepalive', text: '' },
  {
    at: '2025-01-01T00:00:01.000Z',
    direction: 'received',
    bytes: 21,
    kind: 'malformed',
    text: 'BGP version: expected 4, got 3',
    hex: 'ff03',
  },
];

export class MemoryNode implements NodeControl {
  views: ReadView = views;
  isReady = true;
  failure: Error | null = null;
  /** Of flows and captures alone. */
  refusal: Error | null = null;
  readonly changes: { readonly change: Change; readonly context: ChangeContext }[] = [];
  readonly explained: string[] = [];
  readonly asked: FlowQuery[] = [];
  /** Pages of flows by where they begin. */
  flowPages: Readonly<Record<number, FlowsView>> = {};
  readonly reloads: boolean[] = [];
  readonly captures: CaptureQuery[] = [];
  /** What captures give; the last stays open until it is stopped. */
  capturePieces: readonly Uint8Array[] = [];
  capturesStopped = 0;

  async read(resource: Resource): Promise<Uint8Array> {
    if (this.failure !== null) throw this.failure;
    return new TextEncoder().encode(JSON.stringify(this.views[resource]));
  }

  async messages(peer: string): Promise<readonly PeerMessage[] | undefined> {
    return this.views.peers.some(({ address }) => address === peer) ? peerMessages : undefined;
  }

  async explain(flow: string): Promise<ExplainView> {
    this.explained.push(flow);
    const steps = [{ step: 'VIP', result: '203.0.113.10:80/tcp' }];
    return { flow, verdict: 'forward', reason: null, vip: '203.0.113.10:80/tcp', tenant: 'acme', backend: '10.0.2.21', steps };
  }

  async flows(query: FlowQuery): Promise<Uint8Array> {
    if (this.refusal !== null) throw this.refusal;
    this.asked.push(query);
    return new TextEncoder().encode(JSON.stringify(this.flowPages[query.from] ?? { flows: [], next: null }));
  }

  async capture(query: CaptureQuery): Promise<RunningCapture> {
    const failure = this.failure ?? this.refusal;
    if (failure !== null) throw failure;
    this.captures.push(query);
    const pieces = [...this.capturePieces];
    let end: (() => void) | undefined;
    const stopped = new Promise<null>((resolve) => {
      end = () => resolve(null);
    });
    return {
      next: async () => pieces.shift() ?? (query.count === null ? stopped : null),
      stop: () => {
        this.capturesStopped++;
        end?.();
      },
    };
  }

  async change(change: Change, context: ChangeContext): Promise<{ readonly revision: number }> {
    if (context.ifRevision !== null && context.ifRevision !== this.views.status.revision) {
      throw new ToriiError(
        'revision_stale',
        `expected revision ${context.ifRevision}, the node is at ${this.views.status.revision}`,
      );
    }
    const known = this.views.backends.some(
      ({ pool, address }) => 'target' in change && `${pool}/${address}`.endsWith(change.target),
    );
    if ((change.kind === 'state' || change.kind === 'weight') && !known) {
      throw new ToriiError('not_found', `no backend ${change.target}`);
    }
    this.changes.push({ change, context });
    return { revision: this.#nextRevision() };
  }

  async reload({
    force,
  }: {
    readonly force: boolean;
  }): Promise<{ readonly revision: number; readonly changes: readonly string[] }> {
    if (this.failure !== null) throw this.failure;
    this.reloads.push(force);
    return { revision: this.#nextRevision(), changes: ['pool acme-web: backend 10.0.2.23 added'] };
  }

  ready(): boolean {
    return this.isReady;
  }

  async metrics(): Promise<Uint8Array> {
    return new TextEncoder().encode('torii_ready 1\n');
  }

  #nextRevision(): number {
    const revision = this.views.status.revision + 1;
    this.views = { ...this.views, status: { ...this.views.status, revision } };
    return revision;
  }
}
