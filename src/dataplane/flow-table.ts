// Reads flow-table entries in place, for `torii explain` and `torii flows`. Read only: looking changes no flow.
//
// Looks through the tables of all workers, since which queue a flow arrives on is the device's choice. A worker may rewrite
// the entry meanwhile; a fingerprint and its word are read one after the other, so an answer may be a packet old.

import type { FlowEntry } from '../steering/explain.ts';
import type { FlowHash } from '../steering/flow-hash.ts';
import { constantOf, type Layout, offsetsOf } from '../steering/layout.ts';
import type { CounterShape, DataplaneAddon, EngineId } from './addon.ts';

/** By number; 0 is an empty place. */
const states = [undefined, 'probation', 'established', 'fin'] as const;
const seenMask = 0x3fffffff;
const nsPerMs = 1_000_000n;

/** One that is filled in again and again: a million objects would cost more than looking at a million places. */
export type WritableEntry = { -readonly [Key in keyof FlowEntry]: FlowEntry[Key] };

export function emptyEntry(): WritableEntry {
  return { worker: 0, state: 'probation', idleMs: 0, backendIndex: 0, backendGeneration: 0, profile: 0 };
}

export class FlowTable {
  readonly #addon: DataplaneAddon;
  readonly #words: BigUint64Array;
  /** The same as halves, the lower first: whoever looks at many places has no time for big integers. */
  readonly #halves: Uint32Array;
  readonly #shape: CounterShape;
  readonly #wordsPerLine: number;
  readonly #flowsPerLine: number;
  readonly #at: { readonly fp: number; readonly meta: number };

  constructor(addon: DataplaneAddon, engine: EngineId) {
    const layout: Layout = addon.layout();
    this.#addon = addon;
    const memory = addon.view(engine, layout.tables['FLOWS'] ?? -1);
    this.#words = new BigUint64Array(memory);
    this.#halves = new Uint32Array(memory);
    this.#shape = addon.shape(engine);
    this.#wordsPerLine = constantOf(layout, 'LINE_BYTES') / 8;
    this.#flowsPerLine = constantOf(layout, 'FLOWS_PER_LINE');
    const { fp, meta } = offsetsOf(layout, 'flow_bucket', ['fp', 'meta']);
    this.#at = { fp: fp / 8, meta: meta / 8 };
  }

  /** The entry of that hash in any worker's table, expired or not; the youngest if several have one. */
  find(hash: FlowHash): FlowEntry | undefined {
    const found: FlowEntry[] = [];
    const nowMs = this.nowMs();
    for (let worker = 0; worker < this.#shape.workers; worker++) {
      for (const bucket of bucketsOf(hash, this.#shape.flowLines)) {
        const base = (worker * this.#shape.flowLines + bucket) * this.#wordsPerLine;
        for (let i = 0; i < this.#flowsPerLine; i++) {
          const entry = this.#entry(base + i, worker, nowMs);
          if (entry && this.#words[base + this.#at.fp + i] === hash.fp) found.push(entry);
        }
      }
    }
    return found.sort((a, b) => a.idleMs - b.idleMs)[0];
  }

  /** Of all workers together. */
  get places(): number {
    return this.#shape.workers * this.#shape.flowLines * this.#flowsPerLine;
  }

  /** Fills in the entry at a place by its number, expired or not; false: nothing is there. */
  look(place: number, nowMs: number, entry: WritableEntry): boolean {
    const line = Math.floor(place / this.#flowsPerLine);
    entry.worker = Math.floor(line / this.#shape.flowLines);
    return this.#fill(this.#wordOf(place, line), nowMs, entry);
  }

  /** The lower half of the fingerprint at a place. */
  fingerprintAt(place: number): number {
    return this.#halves[2 * (this.#wordOf(place, Math.floor(place / this.#flowsPerLine)) + this.#at.fp)] ?? 0;
  }

  /** The clock of entries, for `at`. */
  nowMs(): number {
    return Number((this.#addon.now() / nsPerMs) & BigInt(seenMask));
  }

  #wordOf(place: number, line: number): number {
    return line * this.#wordsPerLine + (place % this.#flowsPerLine);
  }

  #entry(at: number, worker: number, nowMs: number): FlowEntry | undefined {
    const entry = { ...emptyEntry(), worker };
    return this.#fill(at, nowMs, entry) ? entry : undefined;
  }

  #fill(at: number, nowMs: number, entry: WritableEntry): boolean {
    const low = this.#halves[2 * (at + this.#at.meta)] ?? 0;
    const state = states[low >>> 30];
    if (state === undefined) return false;
    const high = this.#halves[2 * (at + this.#at.meta) + 1] ?? 0;
    entry.state = state;
    entry.idleMs = (nowMs - (low & seenMask)) & seenMask;
    entry.profile = high & 0xff;
    entry.backendGeneration = (high >>> 8) & 0xff;
    entry.backendIndex = high >>> 16;
    return true;
  }
}

function bucketsOf({ buckets: [first, second] }: FlowHash, count: number): readonly [number, number] {
  const mask = count - 1;
  const a = (first & mask) >>> 0;
  const b = (second & mask) >>> 0;
  return [a, a === b ? (b ^ 1) & mask : b];
}
