// The validated document in the form the rest of the control plane uses: names instead of list positions, canonical
// addresses, one VIP per port. Immutable. Pure types.

import type { Prefix } from '../model/address.ts';
import type { Backend } from '../model/backend.ts';
import type { Aggregate, AnswerRate } from '../model/desired.ts';
import type { HealthCheck, ServiceCheck } from '../model/health-check.ts';
import type { Policy, SpeakerConfig } from '../model/peer.ts';
import type { Plan } from '../model/plan.ts';
import type { Encap, HashMode, PortRange, Protocol, Timeouts } from '../model/vip.ts';
import type { SecretRef } from './schema.ts';

/** What VIPs of both modes have. */
export interface RoutedVipConfig {
  readonly name: string;
  readonly prefix: Prefix;
  readonly tenant: string;
  /** The tenant's, overlaid by the VIP's. */
  readonly policy: Policy;
  /** The prefix of its tenant that it is announced with; null where none holds it. */
  readonly aggregate: Aggregate | null;
  readonly isBlackhole: boolean;
}

/** Of mode local. */
export interface LocalVipConfig extends RoutedVipConfig {
  /** Null: announced for as long as the daemon runs. */
  readonly healthCheck: ServiceCheck | null;
}

/** Of mode forward. */
export interface VipConfig extends RoutedVipConfig {
  readonly protocol: Protocol;
  readonly ports: PortRange;
  readonly pool: string;
  readonly hash: HashMode;
  readonly encap: Encap;
  readonly entropy: boolean;
  readonly timeouts: Timeouts;
}

export interface TenantConfig {
  readonly name: string;
  readonly plan: Plan | null;
}

export type OnAllDown = 'withdraw' | 'drop' | 'failOpen' | { readonly pool: string };

export interface PoolConfig {
  readonly name: string;
  readonly tableSize: number;
  /** Sorted by address bytes. */
  readonly backends: readonly Backend[];
  readonly healthCheck: HealthCheck | null;
  readonly onAllDown: OnAllDown;
  readonly minHealthy: number;
}

export interface DeviceConfig {
  readonly name: string;
  readonly engine: 'auto' | 'xdp' | 'af_xdp' | 'af_packet';
  /** Whether workers poll its queues themselves (af_xdp). */
  readonly busyPoll: boolean;
}

export interface ApiConfig {
  readonly socket: string;
  readonly listen: { readonly address: string; readonly port: number };
}

export interface LogsConfig {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  readonly format: 'auto' | 'json' | 'text';
}

/** Where the password of a peer is. */
export interface PeerPassword {
  /** Its address. */
  readonly peer: string;
  /** Its place in the document's list. */
  readonly index: number;
  readonly ref: SecretRef;
}

export interface NodeConfig {
  readonly address: string | null;
  readonly address6: string | null;
  readonly devices: readonly DeviceConfig[];
  /** Without passwords, so that nothing which shows a Config shows one. */
  readonly speaker: SpeakerConfig | null;
  readonly peerPasswords: readonly PeerPassword[];
  readonly flowTableEntries: number;
  readonly flowRecords: boolean;
  readonly answers: { readonly echo: AnswerRate; readonly tooBig: AnswerRate; readonly timeExceeded: AnswerRate };
  readonly entropy: { readonly prefix: Prefix | null; readonly prefix6: Prefix | null };
  readonly api: ApiConfig;
  readonly logs: LogsConfig;
}

export interface Config {
  readonly node: NodeConfig;
  /** Where the cluster's secret is; null where the document names none. */
  readonly clusterSecret: SecretRef | null;
  /** Each sorted by name, so that the order of the document means nothing. */
  readonly tenants: readonly TenantConfig[];
  readonly vips: readonly VipConfig[];
  readonly localVips: readonly LocalVipConfig[];
  readonly pools: readonly PoolConfig[];
}
