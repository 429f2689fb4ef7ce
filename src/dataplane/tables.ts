// Fills the Maglev tables that a compile asks for, natively, in the SLOTS memory of an engine.
//
// Runs in the thread that compiles, never on main: a table of 65,537 slots takes milliseconds. Remembers each pool's
// unmasked table, so that a backend that goes down or drains costs a refill only. Knows checksums of both per pool.

import { ToriiError } from '../errors.ts';
import { addressBytes } from '../model/address.ts';
import { constantOf, type Layout } from '../steering/layout.ts';
import { expandMaglevKey } from '../steering/maglev.ts';
import type { Fill } from '../steering/snapshot.ts';
import { fillsAlike, type TableContent } from '../steering/table-content.ts';
import type { DataplaneAddon, EngineId, TableJob } from './addon.ts';

export interface TableChecksums {
  /** Of the table over all members; 16 hex digits, equal on every node. */
  readonly fill: string;
  /** Of the table in force. */
  readonly table: string;
}

interface Filled {
  readonly content: TableContent;
  readonly slots: Uint16Array;
  readonly checksums: TableChecksums;
}

export class TableFiller {
  readonly #addon: DataplaneAddon;
  readonly #slots: ArrayBuffer;
  readonly #lineBytes: number;
  /** Of the tables in force. */
  readonly #pools = new Map<string, Filled>();
  /** Filled last, for a draft that may never be kept. */
  readonly #drafted = new Map<string, Filled>();

  constructor(addon: DataplaneAddon, engine: EngineId) {
    const layout: Layout = addon.layout();
    this.#addon = addon;
    this.#lineBytes = constantOf(layout, 'LINE_BYTES');
    this.#slots = addon.view(engine, layout.tables['SLOTS'] ?? -1);
  }

  /** Writes tables into their regions, and forgets those of a draft that was not kept; `keep` makes these the ones in force. */
  fill(fills: readonly Fill[]): void {
    this.#drafted.clear();
    const [first] = fills;
    if (first === undefined) return;
    const jobs = fills.map((fill) => this.#jobOf(fill));
    const checksums = this.#addon.fillTables(expandMaglevKey(first.content.clusterSecret), jobs);
    for (const [i, { pool, content }] of fills.entries()) {
      const [fill = 0n, table = 0n] = checksums[i] ?? [];
      const slots = jobs[i]?.filled ?? new Uint16Array();
      this.#drafted.set(pool, { content, slots, checksums: { fill: hex(fill), table: hex(table) } });
    }
  }

  #jobOf({ pool, firstLine, content }: Fill): TableJob {
    const { members, size } = content;
    const before = this.#pools.get(pool);
    const hasFilled = before !== undefined && fillsAlike(before.content, content);
    const identities = new Uint8Array(members.length * 16);
    for (const [i, { address }] of members.entries()) identities.set(addressBytes(address), i * 16);
    return {
      identities,
      weights: Uint32Array.from(members, ({ weight }) => weight),
      backends: Uint16Array.from(members, ({ index }) => index),
      takesNew: Uint16Array.from(members, ({ takesNewFlows }) => (takesNewFlows ? 1 : 0)),
      filled: hasFilled ? before.slots : new Uint16Array(size),
      hasFilled,
      slots: new Uint16Array(this.#slots, firstLine * this.#lineBytes, size),
    };
  }

  /** What was filled last is in force; pools that are no more are forgotten. */
  keep(pools: ReadonlySet<string>): void {
    for (const [pool, filled] of this.#drafted) this.#pools.set(pool, filled);
    this.#drafted.clear();
    for (const pool of this.#pools.keys()) if (!pools.has(pool)) this.#pools.delete(pool);
  }

  /** Of that pool's table with what was filled last; undefined when it never had a usable backend. */
  checksums(pool: string): TableChecksums | undefined {
    return (this.#drafted.get(pool) ?? this.#pools.get(pool))?.checksums;
  }

  /** The live slots of a table (backend indices), for shares and explain. */
  slots(firstLine: number, size: number): Uint16Array {
    if (firstLine * this.#lineBytes + size * 2 > this.#slots.byteLength) {
      throw new ToriiError('internal', `a table of ${size} slots at line ${firstLine} lies outside the slots`);
    }
    return new Uint16Array(this.#slots, firstLine * this.#lineBytes, size);
  }
}

function hex(checksum: bigint): string {
  return checksum.toString(16).padStart(16, '0');
}
