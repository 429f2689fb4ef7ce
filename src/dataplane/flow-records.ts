// Reads the records of flows in place (`flows: { records: true }`), for `torii flows`. Read only: looking changes no flow.
//
// A page is a bounded stretch of the flow tables, worker by worker, and is looked through in short steps, between which its thread
// does whatever else it has to: in a table of any size, and without garbage for what is not asked for, since collecting it holds up
// other threads, too. Workers write meanwhile: a record that is being written, or is another flow's than the entry at its place, is
// left out; a flow that comes or moves between two steps may be missed. Packets and bytes are estimates (native/core/record.h).

import { addressBytes, addressText, familyOf, type Prefix } from '../model/address.ts';
import type { Flow } from '../model/flow.ts';
import type { FlowEntry } from '../steering/explain.ts';
import { constantOf, offsetsOf } from '../steering/layout.ts';
import type { DataplaneAddon, EngineId } from './addon.ts';
import { emptyEntry, type FlowTable, type WritableEntry } from './flow-table.ts';

/** Places looked at in one step: a few tenths of a millisecond. */
export const stepPlaces = 8192;
/** And for one page: a table of millions takes a few requests, not hundreds. */
export const pagePlaces = 262_144;
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

/** What is known of a flow before its record is taken apart. Good until `wants` returns. */
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

  search(scan: FlowScan): FlowRecordSearch {
    const { places } = this.#table;
    const nowMs = this.#table.nowMs();
    const nowSec = Number((this.#addon.now() / nsPerSec) & 0xffff_ffffn);
    const isFrom = scan.source === null ? null : sourceTest(scan.source);
    const found = (place: number, candidate: Candidate): FlowRecord | undefined => {
      if (!this.#table.look(place, nowMs, candidate.entry)) return undefined;
      if (isFrom !== null && !isFrom(this.#words, this.#sourceOf(place))) return undefined;
      const vipIndex = this.#bytes.getUint16(place * this.#lineBytes + this.#at.vip, true);
      candidate.vipIndex = vipIndex;
      const record = scan.wants(candidate) ? this.#read(place, { ...candidate.entry }, nowSec) : undefined;
      return record?.vipIndex === vipIndex ? record : undefined;
    };
    return new FlowRecordSearch({ scan, places, found });
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

interface Candidate {
  readonly entry: WritableEntry;
  vipIndex: number;
}

interface SearchParams {
  readonly scan: FlowScan;
  readonly places: number;
  readonly found: (place: number, candidate: Candidate) => FlowRecord | undefined;
}

/** One page on its way. */
export class FlowRecordSearch {
  readonly #params: SearchParams;
  readonly #candidate: Candidate = { entry: emptyEntry(), vipIndex: 0 };
  readonly #records: FlowRecord[] = [];
  readonly #end: number;
  #place: number;

  constructor(params: SearchParams) {
    this.#params = params;
    this.#place = params.scan.from;
    this.#end = Math.min(params.places, params.scan.from + pagePlaces);
  }

  /** The first place that has not been looked at. */
  get place(): number {
    return this.#place;
  }

  /** Looks at stepPlaces at most; false when the page is complete. */
  step(): boolean {
    const { found, scan } = this.#params;
    const end = Math.min(this.#end, this.#place + stepPlaces);
    for (; this.#place < end && this.#records.length < scan.limit; this.#place++) {
      const record = found(this.#place, this.#candidate);
      if (record !== undefined) this.#records.push(record);
    }
    return this.#place < this.#end && this.#records.length < scan.limit;
  }

  /** What has been found so far. */
  page(): FlowRecordPage {
    return { records: this.#records, next: this.#place < this.#params.places ? this.#place : null };
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
