// Reads the records of flows in place (`flows: { records: true }`), for `torii flows`. Read only: looking changes no flow.
//
// A page is a bounded stretch of the flow tables, worker by worker. Workers write meanwhile: a record that is being written, or is
// another flow's than the entry at its place, is left out; a flow that comes or moves between two pages may be missed. Packets and
// bytes are estimates (native/core/record.h).

import { addressText } from '../model/address.ts';
import type { Flow } from '../model/flow.ts';
import type { FlowEntry } from '../steering/explain.ts';
import { constantOf, offsetsOf } from '../steering/layout.ts';
import type { DataplaneAddon, EngineId } from './addon.ts';
import type { FlowTable } from './flow-table.ts';

/** Places looked at in one go: some milliseconds. */
const scanMax = 262_144;
const nsPerSec = 1_000_000_000n;
const tcpNumber = 6;

export interface FlowRecord extends Flow {
  readonly entry: FlowEntry;
  readonly vipIndex: number;
  readonly ageSec: number;
  readonly packets: number;
  readonly bytes: number;
}

export interface FlowRecordPage {
  readonly records: readonly FlowRecord[];
  /** Where the next page begins; null: there is none. */
  readonly next: number | null;
}

export interface FlowScan {
  /** 0, or the `next` of the page before. */
  readonly from: number;
  readonly limit: number;
  readonly wants: (record: FlowRecord) => boolean;
}

export class FlowRecords {
  readonly #addon: DataplaneAddon;
  readonly #table: FlowTable;
  readonly #bytes: DataView;
  readonly #lineBytes: number;
  readonly #at;

  /** Throws bad_request where the engine keeps no records. */
  constructor(addon: DataplaneAddon, engine: EngineId, table: FlowTable) {
    const layout = addon.layout();
    this.#addon = addon;
    this.#table = table;
    this.#bytes = new DataView(addon.view(engine, layout.tables['RECORDS'] ?? -1));
    this.#lineBytes = constantOf(layout, 'LINE_BYTES');
    const fields = ['src', 'dst', 'ports', 'protocol', 'vip', 'check', 'since_sec', 'packets', 'bytes'] as const;
    this.#at = offsetsOf(layout, 'flow_record', fields);
  }

  page({ from, limit, wants }: FlowScan): FlowRecordPage {
    const end = Math.min(this.#table.places, from + scanMax);
    const records: FlowRecord[] = [];
    let place = from;
    for (; place < end && records.length < limit; place++) {
      const record = this.#read(place);
      if (record !== undefined && wants(record)) records.push(record);
    }
    return { records, next: place < this.#table.places ? place : null };
  }

  #read(place: number): FlowRecord | undefined {
    const found = this.#table.at(place);
    if (found === undefined) return undefined;
    const check = Number(found.fp & 0xffff_ffffn) | 1;
    const base = place * this.#lineBytes;
    const isWhole = (): boolean => (this.#bytes.getUint32(base + this.#at.check, true) | 0) === check;
    if (!isWhole()) return undefined;
    const record = { ...this.#fields(base), entry: found.entry };
    return isWhole() ? record : undefined;
  }

  #fields(base: number): Omit<FlowRecord, 'entry'> {
    const address = (at: number): string =>
      addressText(new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + base + at, 16));
    const port = (at: number): number => this.#bytes.getUint16(base + at, false);
    const big = (at: number): number => Number(this.#bytes.getBigUint64(base + at, true));
    const at = this.#at;
    const nowSec = Number((this.#addon.now() / nsPerSec) & 0xffff_ffffn);
    return {
      protocol: this.#bytes.getUint8(base + at.protocol) === tcpNumber ? 'tcp' : 'udp',
      source: { address: address(at.src), port: port(at.ports) },
      destination: { address: address(at.dst), port: port(at.ports + 2) },
      vipIndex: this.#bytes.getUint16(base + at.vip, true),
      ageSec: Math.max(0, nowSec - this.#bytes.getUint32(base + at.since_sec, true)),
      packets: big(at.packets),
      bytes: big(at.bytes),
    };
  }
}
