// The node's table of first fragments, as docs/packet-path.md describes it under "Fragments": where each datagram went.
//
// The oracle of native/core/fragment.h: buckets of four, two choices a datagram, time in steps of 16 ms. A record that is too
// old is as good as none, and goes before any younger one.

import type { FlowKey } from './flow-table.ts';

export interface FragmentRecord {
  /** Names, and which life of what bears them. */
  readonly vip: string;
  readonly vipLife: number;
  readonly backend: string;
  readonly backendLife: number;
}

interface Entry {
  readonly fingerprint: bigint;
  readonly tick: number;
  readonly record: FragmentRecord;
}

const lines = 4096;
const lineEntries = 4;
const tickMs = 16;
const timeoutTicks = 30_000 / tickMs;

export class FragmentTable {
  readonly #entries: (Entry | undefined)[] = Array.from({ length: lines * lineEntries }, () => undefined);

  /** A datagram's earlier record is replaced; else an empty place is taken, else the oldest record goes. */
  put(key: FlowKey, record: FragmentRecord, nowMs: number): void {
    const places = placesOf(key);
    const at = (place: number): Entry | undefined => this.#entries[place];
    const oldest = places.reduce((found, place) => ((at(place)?.tick ?? 0) < (at(found)?.tick ?? 0) ? place : found));
    const place =
      places.find((each) => at(each)?.fingerprint === key.fingerprint) ?? places.find((each) => at(each) === undefined) ?? oldest;
    this.#entries[place] = { fingerprint: key.fingerprint, tick: tickOf(nowMs), record };
  }

  find(key: FlowKey, nowMs: number): FragmentRecord | undefined {
    const entries = placesOf(key).map((place) => this.#entries[place]);
    return entries.find((entry) => entry?.fingerprint === key.fingerprint && tickOf(nowMs) - entry.tick < timeoutTicks)?.record;
  }
}

function placesOf({ buckets }: FlowKey): readonly number[] {
  return buckets.flatMap((bucket) =>
    Array.from({ length: lineEntries }, (_, i) => ((bucket & (lines - 1)) >>> 0) * lineEntries + i),
  );
}

function tickOf(ms: number): number {
  return Math.floor(ms / tickMs);
}
