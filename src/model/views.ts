// What operators are shown: the JSON of GET /v1/*, which is also what `torii … --json` prints. Pure types.
//
// Counters are totals since the daemon started, as JSON numbers (exact to 2^53).

import type { Health, OperatorState } from './backend.ts';
import type { CaptureQuery, RunningCapture } from './capture.ts';
import type { PeerMessage, PeerStatus } from './peer.ts';

export interface TrafficView {
  readonly packets: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly newFlows: number;
}

export interface VipView {
  readonly vip: string;
  readonly tenant: string;
  /** local: a service of this host itself, announced only; it has no pool, no backends and no traffic that torii sees. */
  readonly mode: 'forward' | 'local';
  /** Null where the mode is local. */
  readonly pool: string | null;
  /** Differs from `pool` while its fallback serves. */
  readonly activePool: string | null;
  /** Of a local VIP's service; null where the mode is forward. */
  readonly health: Health | null;
  /** `draining`: about to be withdrawn by an operator's word. `blackhole`: announced for routers to discard its packets. */
  readonly state: 'announced' | 'draining' | 'blackhole' | 'withheld';
  /** Why it is so, in words; null when it is announced by itself. */
  readonly reason: string | null;
  readonly usableBackends: number;
  readonly backends: number;
  readonly traffic: TrafficView;
  /** Drops by reason; reasons with no drop are left out. */
  readonly drops: Readonly<Record<string, number>>;
}

export interface BackendView {
  readonly pool: string;
  readonly address: string;
  readonly weight: number;
  readonly state: OperatorState;
  readonly health: Health;
  readonly takesNewFlows: boolean;
  readonly reason: string | null;
  /** Share of the pool's slots it has now, 0 … 1. */
  readonly share: number;
  readonly nextHop: { readonly device: string; readonly mac: string; readonly mtuBytes: number } | null;
  readonly traffic: TrafficView;
  readonly resteered: number;
  /** ICMP errors about packets to it: unreachable, time exceeded. */
  readonly unreachable: number;
}

export interface PoolView {
  readonly pool: string;
  readonly tableSize: number;
  readonly usable: boolean;
  readonly backends: number;
  /** Checksums of the filled and of the masked table, as 16 hex digits; equal on every node with the same document. */
  readonly fillChecksum: string;
  readonly tableChecksum: string;
}

export interface TenantView {
  readonly tenant: string;
  readonly plan: string | null;
  readonly cps: number | null;
  readonly burst: number | null;
  readonly admitted: number;
  readonly limited: number;
  readonly vips: number;
}

/** An operator's run-time word: wins over the document until taken back or expired. */
export interface OverrideView {
  readonly kind: 'state' | 'weight' | 'hold' | 'maintenance';
  /** "pool/address", a VIP name, or "node". */
  readonly target: string;
  readonly value: string;
  readonly by: string;
  readonly at: string;
  readonly until: string | null;
  readonly why: string | null;
}

export interface WorkerView {
  readonly worker: number;
  readonly device: string;
  readonly engine: string;
  /** The processor core it stays on; null: any. */
  readonly core: number | null;
  /** Share of the last second spent on packets, 0 … 1, and the mean packets a burst in it; null without any. */
  readonly busyRatio: number;
  readonly burstSize: number | null;
  readonly generation: number;
  readonly rxPackets: number;
  /** Packets that found the receive ring full. */
  readonly rxLost: number;
  readonly flows: number;
  readonly verdicts: Readonly<Record<string, number>>;
}

export interface StatusView {
  readonly node: string | null;
  readonly version: string;
  readonly startedAt: string;
  readonly ready: boolean;
  readonly revision: number;
  readonly generation: number;
  readonly source: string;
  readonly appliedAt: string | null;
  readonly applyMs: number | null;
  readonly lastError: { readonly at: string; readonly message: string } | null;
  readonly warnings: readonly string[];
  readonly vips: { readonly total: number; readonly announced: number };
  readonly backends: { readonly total: number; readonly usable: number };
  readonly peers: { readonly total: number; readonly established: number };
  readonly engine: string;
  readonly workers: readonly WorkerView[];
  readonly flowTable: {
    readonly entries: number;
    readonly capacity: number;
    readonly untracked: number;
    readonly evicted: number;
  };
  readonly overrides: readonly OverrideView[];
}

export type DeviceStateWord = 'up' | 'forwarding' | 'mtu' | 'down' | 'gone';

/** Of a ring that the engine does not have, both are 0. */
export interface RingView {
  readonly size: number;
  readonly used: number;
}

/** One hardware queue of a device, or one socket of a group, as the worker that holds it has it. */
export interface QueueView {
  readonly queue: number;
  readonly worker: number;
  readonly engine: string;
  /** How XDP runs; none: not at all. */
  readonly xdp: 'native' | 'generic' | 'none';
  readonly copy: 'zero-copy' | 'copy' | 'ring';
  readonly busyPolling: boolean;
  readonly hugePages: boolean;
  /** Why nothing better; null where this is the best there is. */
  readonly reason: string | null;
  /** Of af_packet only rx, in its blocks or slots. */
  readonly rings: Readonly<Record<'fill' | 'rx' | 'tx' | 'completion', RingView>>;
  /** Since the queue was opened: packets lost by cause; and txRingEmpty, how often the kernel found nothing to send. */
  readonly statistics: Readonly<
    Record<'rxDropped' | 'rxInvalid' | 'txInvalid' | 'rxRingFull' | 'fillRingEmpty' | 'txRingEmpty', number>
  >;
}

export interface EngineDeviceView {
  readonly device: string;
  /** The document's word. */
  readonly asked: string;
  readonly state: DeviceStateWord;
  readonly queues: readonly QueueView[];
}

export interface EngineView {
  /** "none" on a node that forwards nothing. */
  readonly engine: string;
  readonly devices: readonly EngineDeviceView[];
  readonly workers: readonly WorkerView[];
}

export interface ExplainStep {
  readonly step: string;
  readonly result: string;
}

export interface ExplainView {
  readonly flow: string;
  readonly verdict: 'forward' | 'answer' | 'pass' | 'drop';
  readonly reason: string | null;
  readonly vip: string | null;
  readonly tenant: string | null;
  readonly backend: string | null;
  readonly steps: readonly ExplainStep[];
}

/** Which flows are asked for; null: any. */
export interface FlowQuery {
  /** Name of a VIP. */
  readonly vip: string | null;
  /** Address. */
  readonly backend: string | null;
  /** Address or prefix. */
  readonly source: string | null;
  readonly limit: number;
  /** 0, or `next` of the page before. */
  readonly from: number;
}

export interface FlowView {
  /** "tcp 198.51.100.7:40000 203.0.113.10:80". */
  readonly flow: string;
  readonly vip: string;
  readonly tenant: string;
  /** Address; null when it is gone. */
  readonly backend: string | null;
  readonly state: 'probation' | 'established' | 'fin';
  readonly ageSec: number;
  readonly idleSec: number;
  /** Estimates from a sample. */
  readonly packets: number;
  readonly bytes: number;
  readonly worker: number;
}

export interface FlowsView {
  readonly flows: readonly FlowView[];
  /** Where to go on; null: that was all. A page may have fewer than asked for, or none, and yet not be the last. */
  readonly next: number | null;
}

export type ReadView = {
  readonly status: StatusView;
  readonly vips: readonly VipView[];
  readonly backends: readonly BackendView[];
  readonly pools: readonly PoolView[];
  readonly tenants: readonly TenantView[];
  readonly peers: readonly PeerStatus[];
  readonly engine: EngineView;
};

export type Resource = keyof ReadView;

/** An operator's change, as REST and CLI ask for it. `target` of a backend may leave out the pool if that is unambiguous. */
export type Change =
  | { readonly kind: 'state'; readonly target: string; readonly value: OperatorState | null }
  | { readonly kind: 'weight'; readonly target: string; readonly value: number | null }
  | { readonly kind: 'hold'; readonly target: string; readonly value: boolean }
  | { readonly kind: 'maintenance'; readonly value: boolean };

export interface ChangeContext {
  readonly by: string;
  readonly why: string | null;
  /** The change ends by itself after so long; null: stays until taken back. */
  readonly forSec: number | null;
  /** Refuse (revision_stale) unless this is still the revision; null: any. */
  readonly ifRevision: number | null;
}

/** What the API server needs of the node. Reads come back as JSON bytes, rendered off the main thread. */
export interface NodeControl {
  read(resource: Resource): Promise<Uint8Array>;
  /** The last messages of one BGP peer, oldest first; undefined when there is no such peer. */
  messages(peer: string): Promise<readonly PeerMessage[] | undefined>;
  explain(flow: string): Promise<ExplainView>;
  /** JSON of a FlowsView. Rejects with not_found where flows have no records. */
  flows(query: FlowQuery): Promise<Uint8Array>;
  /** Rejects with capture_busy, bad_request, or not_found where the node forwards nothing or not what is named. */
  capture(query: CaptureQuery): Promise<RunningCapture>;
  change(change: Change, context: ChangeContext): Promise<{ readonly revision: number }>;
  reload(options: { readonly force: boolean }): Promise<{ readonly revision: number; readonly changes: readonly string[] }>;
  /** True once a document is applied and every worker has adopted it. */
  ready(): boolean;
  /** Prometheus text exposition. */
  metrics(): Promise<Uint8Array>;
}
