// Reads the records of flows in place (`flows: { records: true }`), for `torii flows`. Read only: looking changes no flow.
//
// A page is a bounded stretch of the flow tables, worker by worker: short enough that nothing else of this thread waits long for it,
// in a table of any size. What is not asked for is passed by before its record is read. Workers write meanwhile: a record that is being written, or is
// another flow's than the entry at its place, is left out; a flow that comes or moves between two pages may be missed. Packets and
// bytes are estimates (native/core/record.h).

import { addressBytes, addressText, familyOf, type Prefix } from '../model/address.ts';
import type { Flow } from '../model/flow.ts';
import type { FlowEntry } from '../steering/explain.ts';
import { constantOf, offsetsOf } from '../steering/layout.ts';
import type { DataplaneAddon, EngineId } from './addon.ts';
import type { FlowTable } from './flow-table.ts';

/** Places looked at in one go: a few milliseconds. */
const scanMax = 32_768;
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

/** What is known of a flow before its record is taken apart. */
export interface FlowCandidate {
  readonly entry: FlowEntry;
  readonly vipIndex: number;
}

export interface FlowScan {
  /** 0, or the `next` of the page before. */
  readonly from: number;
  readonly limit: number;
  /** Null: any. */
  readonly source: Prefix | null;
  readonly wants: (candidate: FlowCandidate) => boolean;
}

export class FlowRecords {
  readonly #addon: DataplaneAddon;
  readonly #table: FlowTable;
  readonly #bytes: DataView;
  readonly #words: Uint32Array;
  readonly #lineBytes: number;
  readonly #at;

  /** Throws bad_request where the engine keeps no records. */
  constructor(addon: DataplaneAddon, engine: EngineId, table: FlowTable) {
    const layout = addon.layout();
    this.#addon = addon;
    this.#table = table;
    const memory = addon.view(engine, layout.tables['RECORDS'] ?? -1);
    this.#bytes = new DataView(memory);
    this.#words = new Uint32Array(memory);
    this.#lineBytes = constantOf(layout, 'LINE_BYTES');
    const fields = ['src', 'dst', 'ports', 'protocol', 'vip', 'check', 'since_sec', 'packets', 'bytes'] as const;
    this.#at = offsetsOf(layout, 'flow_record', fields);
  }

  page({ from, limit, source, wants }: FlowScan): FlowRecordPage {
    const end = Math.min(this.#table.places, from + scanMax);
    const nowMs = this.#table.nowMs();
    const nowSec = Number((this.#addon.now() / nsPerSec) & 0xffff_ffffn);
    const isFrom = source === null ? null : sourceTest(source);
    const records: FlowRecord[] = [];
    let place = from;
    for (; place < end && records.length < limit; place++) {
      const entry = this.#table.at(place, nowMs);
      if (entry === undefined || (isFrom !== null && !isFrom(this.#words, this.#sourceOf(place)))) continue;
      const vipIndex = this.#bytes.getUint16(place * this.#lineBytes + this.#at.vip, true);
      const record = wants({ entry, vipIndex }) ? this.#read(place, entry, nowSec) : undefined;
      if (record !== undefined && record.vipIndex === vipIndex) records.push(record);
    }
    return { records, next: place < this.#table.places ? place : null };
  }

  #sourceOf(place: number): number {
    return (place * this.#lineBytes + this.#at.src) / 4;
  }

  #read(place: number, entry: FlowEntry, nowSec: number): FlowRecord | undefined {
    const check = this.#table.fingerprintAt(place) | 1;
    const base = place * this.#lineBytes;
    const isWhole = (): boolean => (this.#bytes.getUint32(base + this.#at.check, true) | 0) === check;
    if (!isWhole()) return undefined;
    const record = { ...this.#fields(base, nowSec), entry };
    return isWhole() ? record : undefined;
  }

  #fields(base: number, nowSec: number): Omit<FlowRecord, 'entry'> {
    const address = (at: number): string =>
      addressText(new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + base + at, 16));
    const port = (at: number): number => this.#bytes.getUint16(base + at, false);
    const big = (at: number): number => Number(this.#bytes.getBigUint64(base + at, true));
    const at = this.#at;
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

/** Whether the four words of an address, as they lie in memory, are within the prefix. */
function sourceTest({ address, length }: Prefix): (words: Uint32Array, at: number) => boolean {
  const bits = length + (familyOf(address) === 4 ? 96 : 0);
  const mask = new Uint8Array(16).map((_, i) => (0xff00 >> Math.max(0, Math.min(8, bits - i * 8))) & 0xff);
  const masks = new Uint32Array(mask.buffer);
  const wanted = new Uint32Array(addressBytes(address).buffer);
  const [m0 = 0, m1 = 0, m2 = 0, m3 = 0] = masks;
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = wanted;
  return (words, at) =>
    (((words[at] ?? 0) ^ w0) & m0) === 0 &&
    (((words[at + 1] ?? 0) ^ w1) & m1) === 0 &&
    (((words[at + 2] ?? 0) ^ w2) & m2) === 0 &&
    (((words[at + 3] ?? 0) ^ w3) & m3) === 0;
}
