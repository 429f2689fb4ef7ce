// What the control plane needs of the rest, as interfaces: packet path, tables, counters, disk. The reconciler and the
// planner know nothing else of them; main.ts and config-worker.ts plug the real ones in. Pure types.

import type { QueueFacts } from '../dataplane/addon.ts';
import type { Desired } from '../model/desired.ts';
import type { Flow } from '../model/flow.ts';
import type { ExplainView, FlowQuery, FlowsView } from '../model/views.ts';
import type { Overrides } from './overrides.ts';

/** The packet path as the reconciler sees it. */
export interface PacketPath {
  /** Puts a snapshot in force; its generation. Throws snapshot_invalid, and the old one stays. */
  load(snapshot: Uint8Array): number;
  /** Fulfilled once every worker has taken its first burst, or idled, under this generation. */
  adopted(generation: number): Promise<void>;
}

/** Where a table's checksums and a backend's share of it come from. */
export interface TableFacts {
  /** 16 hex digits each. */
  readonly fillChecksum: string;
  readonly tableChecksum: string;
}

/** Stable indices of one generation, by name. */
export interface IndexOf {
  readonly vips: ByName;
  /** By backendKey(). */
  readonly backends: ByName;
  readonly tenants: ByName;
}

type ByName = ReadonlyMap<string, { readonly index: number }>;

export interface Draft {
  /** Whole snapshot; ownership passes to whoever takes it. */
  readonly snapshot: Uint8Array<ArrayBuffer>;
  readonly indices: IndexOf;
  readonly tables: ReadonlyMap<string, TableFacts>;
}

/** Compiles and fills tables. A draft becomes the base of the next one only when it is kept. */
export interface Compiler {
  /** Throws capacity when the document is larger than the tables. */
  draft(desired: Desired): Draft;
  keep(draft: Draft): void;
  /** Slots of a pool's table in force by backend index; undefined while it has no table. */
  slotCounts(pool: string): ReadonlyMap<number, number> | undefined;
  /** Where the flow would go under the tables in force; `desired` is what they were compiled from. */
  explain(flow: Flow, desired: Desired): ExplainView;
  /** Throws not_found where flows have no records. */
  flows(query: FlowQuery, desired: Desired): FlowSearch;
}

/** A page of flows on its way through tables of any size. */
export interface FlowSearch {
  /** Looks at a bounded part of them; false when the page is complete. */
  step(): boolean;
  view(): FlowsView;
}

export interface Verdict {
  readonly kind: 'forward' | 'pass' | 'answer' | 'drop';
  /** "none" where the verdict has no reasons. */
  readonly reason: string;
}

export interface WorkerTotals {
  readonly generation: number;
  readonly rxPackets: number;
  readonly rxLost: number;
  readonly untracked: number;
  readonly evicted: number;
  readonly flows: number;
  /** By verdict number. */
  readonly verdicts: readonly number[];
}

export interface VipTotals {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly newFlows: number;
  readonly verdicts: readonly number[];
}

export interface BackendTotals {
  readonly packets: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly newFlows: number;
  readonly resteered: number;
  readonly unreachable: number;
}

export interface TenantTotals {
  readonly admitted: number;
  readonly limited: number;
}

/** Counters of the packet path, read in place. */
export interface Counters {
  /** By verdict number. */
  readonly verdicts: readonly Verdict[];
  workers(): readonly WorkerTotals[];
  /** Of the devices, in the order of start. */
  queues(): readonly QueueFacts[];
  vip(index: number): VipTotals;
  backend(index: number): BackendTotals;
  tenant(index: number): TenantTotals;
}

/** What survives a restart. Each call is durable when it returns; a failure is thrown. */
export interface Keeper {
  readonly lastGood: LastGood | undefined;
  readonly words: SavedWords | undefined;
  /** Why something that is kept could not be read; null when all was. */
  readonly trouble: string | null;
  saveLastGood(lastGood: LastGood): void;
  saveWords(words: SavedWords): void;
}

/** The last document that every worker adopted. */
export interface LastGood {
  readonly revision: number;
  readonly source: string;
  readonly text: string;
}

/** What operators said, and the revision at which it was said. */
export interface SavedWords {
  readonly revision: number;
  readonly overrides: Overrides;
}
