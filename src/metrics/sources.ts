// What the exposition is rendered from, all of it plain data: live counters of the packet path, names by index, and
// the state that other threads post. Pure types.

import type { Counters } from '../dataplane/counters.ts';
import type { Health } from '../model/backend.ts';
import type { PeerStatus } from '../model/peer.ts';

/** Counters read in place; vip, backend and tenant are summed over all workers. */
export type CounterReader = Pick<Counters, 'verdicts' | 'workers' | 'queues' | 'vip' | 'backend' | 'tenant'>;

/** Of a pool's tables; 16 hex digits each. */
export interface TableChecksums {
  readonly fillChecksum: string;
  readonly tableChecksum: string;
}

/** Who owns which index in a generation, and its gauges. Index 0: no counters. Sent as JSON bytes by the config worker. */
export interface MetricsDirectory {
  readonly revision: number;
  readonly generation: number;
  readonly vips: readonly {
    readonly index: number;
    readonly vip: string;
    readonly tenant: string;
    readonly announced: boolean;
    readonly blackholed: boolean;
    /** Of a local VIP's service; null where the mode is forward. */
    readonly health: Health | null;
  }[];
  readonly backends: readonly {
    readonly index: number;
    readonly pool: string;
    readonly address: string;
    readonly weight: number;
    readonly health: Health;
    readonly takesNewFlows: boolean;
  }[];
  readonly tenants: readonly {
    readonly index: number;
    readonly tenant: string;
    readonly cps: number | null;
    readonly burst: number | null;
  }[];
  readonly pools: readonly {
    readonly pool: string;
    readonly tableSize: number;
    readonly usable: boolean;
    /** Null before its table was first filled. */
    readonly checksums: TableChecksums | null;
  }[];
}

/** Probes of one backend, or of one local VIP's service; rows of the same one are added up. */
export interface CheckRow {
  /** healthKey() or vipHealthKey(): up to the bar it names whose probes these are. */
  readonly key: string;
  readonly passed: number;
  readonly failed: number;
  readonly inconclusive: number;
  readonly latencyMs: number | null;
}

/** What the main thread knows, posted about once a second. */
export interface MetricsState {
  readonly startedAtMs: number;
  readonly ready: boolean;
  readonly maintenance: boolean;
  readonly overrides: number;
  readonly applied: number;
  readonly refused: number;
  readonly applyMs: number | null;
  readonly peers: readonly PeerStatus[];
  /** BFD packets that were discarded, by reason; empty where no peer has BFD. */
  readonly bfdDiscards: Readonly<Record<string, number>>;
  readonly checks: readonly CheckRow[];
  /** One row per thread that measures itself. */
  readonly eventLoops: readonly {
    readonly thread: string;
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly maxMs: number;
  }[];
  /** In the order of start. */
  readonly devices: readonly string[];
  /** By worker number. */
  readonly workers: readonly { readonly device: string; readonly engine: string; readonly flowCapacity: number }[];
}

export interface Sources {
  readonly version: string;
  readonly layoutVersion: number;
  /** Null on a node without a packet path. */
  readonly counters: CounterReader | null;
  readonly directory: MetricsDirectory | null;
  readonly state: MetricsState | null;
}
