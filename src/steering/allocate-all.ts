// Gives every noun of a desired state its place: indices, timeout profiles, slot regions. Pure.
//
// What is kept from compile to compile is the Allocation; what a compile asks is Places.

import { ToriiError } from '../errors.ts';
import { backendKey } from '../model/backend.ts';
import type { Desired, DesiredBackend, DesiredPool, DesiredTenant, DesiredVip } from '../model/desired.ts';
import {
  type Assignment,
  assign,
  assignSlots,
  emptySlots,
  emptySpace,
  type IndexSpace,
  type Owned,
  type SlotSpace,
  type Table,
  type TableRequest,
} from './allocation.ts';
import type { DestinationIndex } from './destination-index.ts';
import { constantOf, type Layout } from './layout.ts';
import { contentOf, type TableContent } from './table-content.ts';
import { assignProfiles, type Profile, profileKeysOf, profileOfKey } from './timeout-profiles.ts';

export interface Allocation {
  readonly vips: IndexSpace;
  readonly backends: IndexSpace;
  readonly pools: IndexSpace;
  readonly tenants: IndexSpace;
  readonly slots: SlotSpace<TableContent>;
  /** Of the VIPs and their indices; null before the first compile. */
  readonly destinations: Destinations | null;
  /** Encoded profile → index. Old ones stay as long as there is room: live flows point at them. */
  readonly profiles: ReadonlyMap<string, number>;
  /** Lines of the SLOTS table. */
  readonly slotLines: number;
}

/** What is looked up for the same list of VIPs is the same as long as no index is given out or freed. */
interface Destinations {
  readonly vips: readonly DesiredVip[];
  readonly space: IndexSpace;
  readonly index: DestinationIndex;
}

export function emptyAllocation(slotLines: number): Allocation {
  return {
    vips: emptySpace,
    backends: emptySpace,
    pools: emptySpace,
    tenants: emptySpace,
    slots: emptySlots,
    destinations: null,
    profiles: new Map(),
    slotLines,
  };
}

/** A noun and the place that it has. */
export interface Placed<Noun> extends Owned {
  readonly noun: Noun;
  /** True in the compile that gave it this index. */
  readonly isFresh: boolean;
}

export interface PlacedPool extends Placed<DesiredPool> {
  readonly backends: readonly Placed<DesiredBackend>[];
  /** Undefined without a usable backend. */
  readonly table: Table<TableContent> | undefined;
  /** The table is still to be filled. */
  readonly isFreshTable: boolean;
}

/** Everything in the order of the desired state. */
export interface Places {
  readonly allocation: Allocation;
  readonly vips: readonly Placed<DesiredVip>[];
  readonly tenants: readonly Placed<DesiredTenant>[];
  readonly pools: readonly PlacedPool[];
  /** Indices of what VIPs refer to. */
  pool(name: string): number;
  tenant(name: string): number;
  /** Number of each VIP's timeout profile. */
  readonly profileOf: readonly number[];
  readonly profiles: readonly (readonly [Profile, number])[];
}

/** `before` is of a generation that every worker has adopted, or empty. */
export function allocate(desired: Desired, before: Allocation, layout: Layout): Places {
  const limited = (space: IndexSpace, keys: readonly string[], what: string): Assignment =>
    assign(space, keys, { limit: constantOf(layout, `MAX_${what.toUpperCase()}`), what });
  const vips = limited(before.vips, desired.vips.map(nameOf), 'vips');
  const pools = limited(before.pools, desired.pools.map(nameOf), 'pools');
  const tenants = limited(before.tenants, desired.tenants.map(nameOf), 'tenants');
  const members = desired.pools.flatMap((pool) => pool.backends);
  const backends = limited(before.backends, desired.pools.flatMap(backendKeysOf), 'backends');
  const placedPools = placePools(place(desired.pools, pools), place(members, backends));
  const tables = assignSlots(
    before.slots,
    tableRequests(placedPools, desired.clusterSecret, before.slots, layout),
    before.slotLines,
  );
  const profileKeys = profileKeysOf(desired.vips);
  const profiles = assignProfiles(before.profiles, profileKeys, constantOf(layout, 'MAX_PROFILES'));
  return {
    allocation: {
      vips: vips.space,
      backends: backends.space,
      pools: pools.space,
      tenants: tenants.space,
      slots: tables.space,
      destinations: before.destinations,
      profiles,
      slotLines: before.slotLines,
    },
    vips: place(desired.vips, vips),
    tenants: place(desired.tenants, tenants),
    pools: placedPools.map((pool) => ({
      ...pool,
      table: tables.space.tables.get(pool.noun.name),
      isFreshTable: tables.fresh.has(pool.noun.name),
    })),
    pool: (name) => indexOf(pools, name),
    tenant: (name) => indexOf(tenants, name),
    profileOf: profileKeys.map((key) => profiles.get(key) ?? 0),
    profiles: [...profiles].map(([key, index]) => [profileOfKey(key), index] as const),
  };
}

/** Of pools that stay the same object, as most do from one desired state to the next. */
const knownKeys = new WeakMap<DesiredPool, readonly string[]>();

function backendKeysOf(desired: DesiredPool): readonly string[] {
  const known = knownKeys.get(desired);
  if (known !== undefined) return known;
  const keys = desired.backends.map(({ pool, address }) => backendKey(pool, address));
  knownKeys.set(desired, keys);
  return keys;
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}

function indexOf({ space }: Assignment, name: string): number {
  const found = space.owned.get(name);
  if (!found) throw new ToriiError('internal', `desired state refers to ${name}, which it does not contain`);
  return found.index;
}

/** `given` is in the order of the nouns. */
function place<Noun>(nouns: readonly Noun[], { given, fresh }: Assignment): readonly Placed<Noun>[] {
  return nouns.map((noun, i) => {
    const { index = 0, generation = 0 } = given[i] ?? {};
    return { noun, index, generation, isFresh: fresh.has(index) };
  });
}

type PoolWithBackends = Omit<PlacedPool, 'table' | 'isFreshTable'>;

/** `backends` are those of all pools, in their order. */
function placePools(
  pools: readonly Placed<DesiredPool>[],
  backends: readonly Placed<DesiredBackend>[],
): readonly PoolWithBackends[] {
  let at = 0;
  return pools.map((pool) => {
    at += pool.noun.backends.length;
    return { ...pool, backends: backends.slice(at - pool.noun.backends.length, at) };
  });
}

function tableRequests(
  pools: readonly PoolWithBackends[],
  clusterSecret: string,
  before: SlotSpace<TableContent>,
  layout: Layout,
): readonly TableRequest<TableContent>[] {
  const slotsPerLine = constantOf(layout, 'SLOTS_PER_LINE');
  return pools.flatMap(({ noun: { name, tableSize }, backends }) => {
    if (!backends.some(({ noun }) => noun.takesNewFlows)) return [];
    const content = contentOf({ clusterSecret, size: tableSize, members: backends }, before.tables.get(name)?.content);
    return [{ pool: name, lines: Math.ceil(tableSize / slotsPerLine), content }];
  });
}
