// Reads flow-table entries in place, for `torii explain` and `torii flows`. Read only: looking changes no flow.
//
// Looks through the tables of all workers, since which queue a flow arrives on is the device's choice. A worker may rewrite
// the entry meanwhile; a fingerprint and its word are read one after the other, so an answer may be a packet old.

import type { FlowEntry } from '../steering/explain.ts';
import type { FlowHash } from '../steering/flow-hash.ts';
import { constantOf, type Layout, offsetsOf } from '../steering/layout.ts';
import type { CounterShape, DataplaneAddon, EngineId } from './addon.ts';

const states = ['empty', 'probation', 'established', 'fin'] as const;
const seenMask = 0x3fffffffn;
const nsPerMs = 1_000_000n;

export class FlowTable {
  readonly #addon: DataplaneAddon;
  readonly #words: BigUint64Array;
  readonly #shape: CounterShape;
  readonly #wordsPerLine: number;
  readonly #flowsPerLine: number;
  readonly #at: { readonly fp: number; readonly meta: number };

  constructor(addon: DataplaneAddon, engine: EngineId) {
    const layout: Layout = addon.layout();
    this.#addon = addon;
    this.#words = new BigUint64Array(addon.view(engine, layout.tables['FLOWS'] ?? -1));
    this.#shape = addon.shape(engine);
    this.#wordsPerLine = constantOf(layout, 'LINE_BYTES') / 8;
    this.#flowsPerLine = constantOf(layout, 'FLOWS_PER_LINE');
    const { fp, meta } = offsetsOf(layout, 'flow_bucket', ['fp', 'meta']);
    this.#at = { fp: fp / 8, meta: meta / 8 };
  }

  /** The entry of that hash in any worker's table, expired or not; the youngest if several have one. */
  find(hash: FlowHash): FlowEntry | undefined {
    const found: FlowEntry[] = [];
    for (let worker = 0; worker < this.#shape.workers; worker++) {
      for (const bucket of bucketsOf(hash, this.#shape.flowLines)) {
        const base = (worker * this.#shape.flowLines + bucket) * this.#wordsPerLine;
        for (let i = 0; i < this.#flowsPerLine; i++) {
          const entry = this.#entry(base + i, worker);
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

  /** The entry at a place by its number, with its fingerprint, expired or not; undefined: nothing is there. */
  at(place: number): { readonly fp: bigint; readonly entry: FlowEntry } | undefined {
    const line = Math.floor(place / this.#flowsPerLine);
    const at = line * this.#wordsPerLine + (place % this.#flowsPerLine);
    const entry = this.#entry(at, Math.floor(line / this.#shape.flowLines));
    return entry && { fp: this.#words[at + this.#at.fp] ?? 0n, entry };
  }

  #entry(at: number, worker: number): FlowEntry | undefined {
    const meta = this.#words[at + this.#at.meta] ?? 0n;
    const state = states[Number((meta >> 30n) & 3n)];
    if (state === undefined || state === 'empty') return undefined;
    const nowMs = (this.#addon.now() / nsPerMs) & seenMask;
    return {
      worker,
      state,
      idleMs: Number((nowMs - (meta & seenMask)) & seenMask),
      backendGeneration: Number((meta >> 40n) & 0xffn),
      backendIndex: Number(meta >> 48n),
    };
  }
}

function bucketsOf({ buckets: [first, second] }: FlowHash, count: number): readonly [number, number] {
  const mask = count - 1;
  const a = (first & mask) >>> 0;
  const b = (second & mask) >>> 0;
  return [a, a === b ? (b ^ 1) & mask : b];
}
