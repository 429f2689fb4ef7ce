// What the exposition is rendered from, all of it plain data: live counters of the packet path, names by index, and
// the state that other threads post. Pure types.

import type { Health } from '../model/backend.ts';
import type { PeerStatus } from '../model/peer.ts';

export interface VerdictName {
  readonly kind: 'forward' | 'pass' | 'answer' | 'drop';
  /** "none" where the verdict has no reasons. */
  readonly reason: string;
}

/** One worker's totals since it started; `flows` is a gauge. */
export interface WorkerCounters {
  readonly generation: number;
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly txPackets: number;
  readonly txBytes: number;
  readonly bursts: number;
  readonly busyNs: number;
  readonly untracked: number;
  readonly evicted: number;
  readonly resteered: number;
  readonly newFlows: number;
  readonly flows: number;
  readonly rxLost: number;
  readonly txErrors: number;
  /** By verdict number. */
  readonly verdicts: readonly number[];
}

export interface VipCounters {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly newFlows: number;
  readonly untracked: number;
  readonly evicted: number;
  readonly resteered: number;
  readonly verdicts: readonly number[];
}

export interface BackendCounters {
  readonly packets: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly newFlows: number;
  readonly resteered: number;
}

export interface TenantCounters {
  readonly admitted: number;
  readonly limited: number;
}

/** Counters read in place; vip, backend and tenant are summed over all workers. */
export interface CounterReader {
  /** By verdict number. */
  readonly verdicts: readonly VerdictName[];
  workers(): readonly WorkerCounters[];
  vip(index: number): VipCounters;
  backend(index: number): BackendCounters;
  tenant(index: number): TenantCounters;
}

/** Who owns which index in a generation. Sent as JSON bytes by the config worker with every generation. */
export interface Directory {
  readonly revision: number;
  readonly generation: number;
  readonly vips: readonly {
    readonly index: number;
    readonly vip: string;
    readonly tenant: string;
    readonly announced: boolean;
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
    /** 16 hex digits. */
    readonly fillChecksum: string;
    readonly tableChecksum: string;
  }[];
}

/** Probes of one backend; rows of the same backend are added up. */
export interface CheckRow {
  /** healthKey(): pool/address|what is probed. */
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
  readonly checks: readonly CheckRow[];
  /** One row per thread that measures itself. */
  readonly eventLoops: readonly {
    readonly thread: string;
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly maxMs: number;
  }[];
  /** By worker number. */
  readonly workers: readonly { readonly device: string; readonly engine: string; readonly flowCapacity: number }[];
}

export interface Sources {
  readonly version: string;
  readonly layoutVersion: number;
  /** Null on a node without a packet path. */
  readonly counters: CounterReader | null;
  readonly directory: Directory | null;
  readonly state: MetricsState | null;
}
