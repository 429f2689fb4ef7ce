// The planner's Compiler on native memory: compiles, fills the tables that changed, and answers what the tables in force
// say. Runs in the config worker with its own view of the engine's memory.
//
// Tables are filled into regions that no snapshot in force uses, so a draft that is never kept harms nothing.

import type { DataplaneAddon, EngineId } from '../dataplane/addon.ts';
import { FlowRecords } from '../dataplane/flow-records.ts';
import { FlowTable } from '../dataplane/flow-table.ts';
import { PathTable } from '../dataplane/path-table.ts';
import { TableFiller } from '../dataplane/tables.ts';
import { ToriiError } from '../errors.ts';
import { parsePrefix } from '../model/address.ts';
import { backendKey } from '../model/backend.ts';
import type { Desired, DesiredPool } from '../model/desired.ts';
import type { Flow } from '../model/flow.ts';
import type { ExplainView, FlowQuery } from '../model/views.ts';
import { type Allocation, emptyAllocation } from '../steering/allocate-all.ts';
import { explain } from '../steering/explain.ts';
import { type Compiled, compile } from '../steering/snapshot.ts';
import { profilesByNumber } from '../steering/timeout-profiles.ts';
import { type FlowNames, flowNames, nameFlows } from './flow-views.ts';
import type { Compiler, Draft, FlowSearch, TableFacts } from './ports.ts';

interface NativeDraft extends Draft {
  readonly compiled: Omit<Compiled, 'bytes'>;
}

export class NativeCompiler implements Compiler {
  readonly #addon: DataplaneAddon;
  readonly #tables: TableFiller;
  readonly #flows: FlowTable;
  readonly #paths: PathTable;
  readonly #engine: EngineId;
  #recordReader: FlowRecords | undefined;
  #flowNames: { readonly desired: Desired; readonly allocation: Allocation; readonly names: FlowNames } | undefined;
  #allocation: Allocation;
  readonly #slotCounts = new Map<string, ReadonlyMap<number, number>>();

  constructor(addon: DataplaneAddon, engine: EngineId) {
    this.#addon = addon;
    this.#engine = engine;
    this.#tables = new TableFiller(addon, engine);
    this.#flows = new FlowTable(addon, engine);
    this.#paths = new PathTable(addon, engine);
    this.#allocation = emptyAllocation(addon.shape(engine).slotLines);
  }

  draft(desired: Desired): NativeDraft {
    const { bytes, ...compiled } = compile(desired, this.#allocation, this.#addon.layout());
    this.#tables.fill(compiled.fills);
    this.#addon.prepare(this.#engine, bytes);
    const { vips, backends, tenants } = compiled.allocation;
    return {
      snapshot: bytes,
      compiled,
      indices: { vips: vips.owned, backends: backends.owned, tenants: tenants.owned },
      tables: this.#checksumsOf(desired.pools),
    };
  }

  keep(draft: NativeDraft): void {
    const { allocation, fills } = draft.compiled;
    this.#allocation = allocation;
    for (const { pool } of fills) this.#slotCounts.delete(pool);
    this.#tables.keep(new Set(allocation.pools.owned.keys()));
    for (const pool of this.#slotCounts.keys()) if (!allocation.pools.owned.has(pool)) this.#slotCounts.delete(pool);
  }

  slotCounts(pool: string): ReadonlyMap<number, number> | undefined {
    const slots = this.#slotsOf(pool);
    if (slots === undefined) return undefined;
    const known = this.#slotCounts.get(pool);
    if (known !== undefined) return known;
    const counts = new Map<number, number>();
    for (const index of slots) counts.set(index, (counts.get(index) ?? 0) + 1);
    this.#slotCounts.set(pool, counts);
    return counts;
  }

  /** Where the flow would go under the tables in force. `desired` is what they were compiled from. */
  explain(flow: Flow, desired: Desired): ExplainView {
    const owners = new Map([...this.#allocation.backends.owned].map(([key, owned]) => [owned.index, { key, ...owned }]));
    const ownerOf = (index: number) => {
      const owner = owners.get(index);
      if (owner === undefined) return undefined;
      const slash = owner.key.lastIndexOf('/');
      return { pool: owner.key.slice(0, slash), address: owner.key.slice(slash + 1), generation: owner.generation };
    };
    return explain(flow, {
      desired,
      entry: (hash) => this.#flows.find(hash),
      timeouts: (profile) => profilesByNumber(this.#allocation.profiles).get(profile),
      backend: (index, generation) => {
        const owner = ownerOf(index);
        return owner?.generation === generation ? owner : undefined;
      },
      slot: (pool, slot) => this.#slotsOf(pool)?.[slot] ?? 0,
      backendAddress: (index) => ownerOf(index)?.address,
      learnedMtu: (pool, address) => {
        const index = this.#allocation.backends.owned.get(backendKey(pool, address))?.index;
        return index === undefined ? undefined : this.#paths.learned(index);
      },
    });
  }

  /** A page of the flows that are remembered. `desired` is what the tables in force were compiled from. */
  flows(query: FlowQuery, desired: Desired): FlowSearch {
    const naming = nameFlows(query, this.#namesOf(desired));
    const { from, limit, source } = query;
    const prefix = source === null ? null : (parsePrefix(source) ?? null);
    const search = this.#records().search({ from, limit, source: prefix, wants: (each) => naming.wanted(each) });
    return { step: () => search.step(), view: () => naming.view(search.page()) };
  }

  /** Ten thousand VIPs are looked up once a document, not once a page. */
  #namesOf(desired: Desired): FlowNames {
    const known = this.#flowNames;
    if (known?.desired === desired && known.allocation === this.#allocation) return known.names;
    const names = flowNames(desired, this.#allocation);
    this.#flowNames = { desired, allocation: this.#allocation, names };
    return names;
  }

  #records(): FlowRecords {
    if (!this.#addon.shape(this.#engine).hasRecords) {
      throw new ToriiError(
        'not_here',
        'flows have no records here: expected node.flows.records: true in the document, which takes a restart',
      );
    }
    this.#recordReader ??= new FlowRecords(this.#addon, this.#engine, this.#flows);
    return this.#recordReader;
  }

  #slotsOf(pool: string): Uint16Array | undefined {
    const table = this.#allocation.slots.tables.get(pool);
    return table && this.#tables.slots(table.first, table.content.size);
  }

  #checksumsOf(pools: readonly DesiredPool[]): ReadonlyMap<string, TableFacts> {
    const tables = new Map<string, TableFacts>();
    for (const { name } of pools) {
      const checksums = this.#tables.checksums(name);
      if (checksums !== undefined) tables.set(name, { fillChecksum: checksums.fill, tableChecksum: checksums.table });
    }
    return tables;
  }
}
