// Stable indices and slot regions: what compile() has given out so far. Pure.
//
// A VIP, backend, pool or tenant keeps its index while it lives, so that flows and counters never change owner when a
// document is reordered. A freed index is reused only when no fresh one is left, and then with a new generation. A pool's
// slot array lies apart from the snapshot and is never written while a worker may read it: a changed table gets a new
// region beside the old one.
//
// The space given to a compile must be that of a generation which every worker has adopted, as engine_load() demands, too:
// then nobody reads what an earlier one had, and only what this very compile gives up still has readers. A compile that
// fails, or is never put in force, leaves no trace.

import { ToriiError } from '../errors.ts';

interface Owned {
  readonly index: number;
  readonly generation: number;
}

export interface IndexSpace {
  readonly owned: ReadonlyMap<string, Owned>;
  /** Oldest first. */
  readonly freed: readonly Owned[];
  /** Lowest index never given out. */
  readonly next: number;
}

/** Index 0 means "none" in every table. */
export const emptySpace: IndexSpace = { owned: new Map(), freed: [], next: 1 };

export interface Assigned extends Owned {
  /** True in the compile that gave it to this key. */
  readonly isFresh: boolean;
}

export interface Assignment {
  readonly space: IndexSpace;
  readonly of: ReadonlyMap<string, Assigned>;
}

/** Gives every key an index ≤ `limit`, keeping those of before; none that this compile frees. Throws `capacity` when there are more keys than indices. */
export function assign(
  space: IndexSpace,
  keys: readonly string[],
  params: { readonly limit: number; readonly what: string },
): Assignment {
  const { limit, what } = params;
  const of = new Map<string, Assigned>();
  const owned = new Map<string, Owned>();
  const wanting: string[] = [];
  for (const key of keys) {
    const known = space.owned.get(key);
    if (known) {
      owned.set(key, known);
      of.set(key, { ...known, isFresh: false });
    } else wanting.push(key);
  }
  const left = [...space.owned].flatMap(([key, given]) => (owned.has(key) ? [] : [given]));
  let next = space.next;
  let reused = 0;
  for (const key of wanting) {
    let given: Owned;
    const oldest = space.freed[reused];
    if (next <= limit) given = { index: next++, generation: 0 };
    else if (oldest) {
      reused++;
      given = { index: oldest.index, generation: (oldest.generation + 1) & 0xff };
    } else throw new ToriiError('capacity', `expected at most ${limit} ${what}, got ${keys.length}`);
    owned.set(key, given);
    of.set(key, { ...given, isFresh: true });
  }
  return { space: { owned, freed: [...space.freed.slice(reused), ...left], next }, of };
}

/** Whole lines of the SLOTS table. */
export interface Region {
  readonly first: number;
  readonly lines: number;
}

export interface SlotSpace {
  /** Pool → its table: the region, and what it was filled from. */
  readonly tables: ReadonlyMap<string, Region & { readonly signature: string }>;
}

export const emptySlots: SlotSpace = { tables: new Map() };

export interface TableRequest {
  readonly pool: string;
  readonly lines: number;
  /** Equal signatures mean equal tables. */
  readonly signature: string;
}

export interface SlotAssignment {
  readonly space: SlotSpace;
  readonly of: ReadonlyMap<string, Region & { readonly isFresh: boolean }>;
}

/** Keeps the region of every unchanged table and finds room, first fit, for the others beside all that are in force. */
export function assignSlots(space: SlotSpace, requests: readonly TableRequest[], limit: number): SlotAssignment {
  const tables = new Map<string, Region & { readonly signature: string }>();
  const of = new Map<string, Region & { readonly isFresh: boolean }>();
  for (const { pool, signature } of requests) {
    const known = space.tables.get(pool);
    if (known?.signature === signature) {
      tables.set(pool, known);
      of.set(pool, { first: known.first, lines: known.lines, isFresh: false });
    }
  }
  const taken: Region[] = [...space.tables.values()].sort((a, b) => a.first - b.first);
  for (const { pool, lines, signature } of requests) {
    if (of.has(pool)) continue;
    const region = insertFirstFit(taken, lines, limit);
    if (!region)
      throw new ToriiError(
        'capacity',
        `the Maglev tables of all pools, those that change beside those in force, need more than the ${limit} lines there are (pool ${pool})`,
      );
    tables.set(pool, { ...region, signature });
    of.set(pool, { ...region, isFresh: true });
  }
  return { space: { tables }, of };
}

/** Adds a region of `lines` to the sorted list, in the first gap that holds it. */
function insertFirstFit(taken: Region[], lines: number, limit: number): Region | undefined {
  let first = 0;
  let at = 0;
  for (; at < taken.length; at++) {
    const next = taken[at];
    if (!next || first + lines <= next.first) break;
    first = Math.max(first, next.first + next.lines);
  }
  if (first + lines > limit) return undefined;
  const region = { first, lines };
  taken.splice(at, 0, region);
  return region;
}
