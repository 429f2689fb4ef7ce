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

export interface Owned {
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

export interface Assignment {
  readonly space: IndexSpace;
  /** In the order of the keys. */
  readonly given: readonly Owned[];
  /** Indices that this compile gave out. */
  readonly fresh: ReadonlySet<number>;
}

/**
 * Gives every key an index ≤ `limit`, keeping those of before; none that this compile frees. No key comes twice. Throws
 * `capacity` when there are more keys than indices.
 */
export function assign(
  space: IndexSpace,
  keys: readonly string[],
  params: { readonly limit: number; readonly what: string },
): Assignment {
  const same = allOwned(space, keys);
  if (same?.length === space.owned.size) return { space, given: same, fresh: new Set() };
  const { limit, what } = params;
  const owned = new Map<string, Owned>();
  const given: Owned[] = [];
  const fresh = new Set<number>();
  let next = space.next;
  let reused = 0;
  for (const key of keys) {
    let one = space.owned.get(key);
    if (!one) {
      const oldest = space.freed[reused];
      if (next <= limit) one = { index: next++, generation: 0 };
      else if (oldest) {
        reused++;
        one = { index: oldest.index, generation: (oldest.generation + 1) & 0xff };
      } else throw new ToriiError('capacity', `expected at most ${limit} ${what}, got ${keys.length}`);
      fresh.add(one.index);
    }
    owned.set(key, one);
    given.push(one);
  }
  const left = [...space.owned].flatMap(([key, one]) => (owned.has(key) ? [] : [one]));
  return { space: { owned, freed: [...space.freed.slice(reused), ...left], next }, given, fresh };
}

/** Undefined when one of the keys has none. */
function allOwned({ owned }: IndexSpace, keys: readonly string[]): readonly Owned[] | undefined {
  const given: Owned[] = [];
  // Mostly they come in the order of last time, and nothing has to be looked up.
  for (const [key, one] of owned) {
    if (keys[given.length] !== key) break;
    given.push(one);
  }
  for (const key of keys.slice(given.length)) {
    const one = owned.get(key);
    if (!one) return undefined;
    given.push(one);
  }
  return given;
}

/** Whole lines of the SLOTS table. */
export interface Region {
  readonly first: number;
  readonly lines: number;
}

export interface SlotSpace<Content> {
  /** Pool → its table: the region, and what it was filled from. */
  readonly tables: ReadonlyMap<string, Table<Content>>;
}

export interface Table<Content> extends Region {
  readonly content: Content;
}

export const emptySlots: SlotSpace<never> = { tables: new Map() };

export interface TableRequest<Content> {
  readonly pool: string;
  readonly lines: number;
  /** The same (===) content means an equal table. */
  readonly content: Content;
}

export interface SlotAssignment<Content> {
  readonly space: SlotSpace<Content>;
  /** Pools whose table is to be filled: each has a region of its own. */
  readonly fresh: ReadonlySet<string>;
}

/** Keeps the region of every unchanged table and finds room, first fit, for the others beside all that are in force. */
export function assignSlots<Content>(
  space: SlotSpace<Content>,
  requests: readonly TableRequest<Content>[],
  limit: number,
): SlotAssignment<Content> {
  const tables = new Map<string, Table<Content>>();
  const fresh = new Set<string>();
  for (const { pool, content } of requests) {
    const known = space.tables.get(pool);
    if (known?.content === content) tables.set(pool, known);
  }
  const taken: Region[] = [...space.tables.values()].sort((a, b) => a.first - b.first);
  for (const { pool, lines, content } of requests) {
    if (tables.has(pool)) continue;
    const region = insertFirstFit(taken, lines, limit);
    if (!region)
      throw new ToriiError(
        'capacity',
        `the Maglev tables of all pools, those that change beside those in force, need more than the ${limit} lines there are (pool ${pool})`,
      );
    tables.set(pool, { ...region, content });
    fresh.add(pool);
  }
  return { space: { tables }, fresh };
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
