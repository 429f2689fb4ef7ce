// Gives every noun of a desired state its place: indices, timeout profiles, slot regions. Pure.
//
// What is kept from compile to compile is the Allocation; what a compile asks is Indices.

import { ToriiError } from '../errors.ts';
import { backendKey } from '../model/backend.ts';
import type { Desired, DesiredPool, DesiredVip } from '../model/desired.ts';
import {
  type Assigned,
  type Assignment,
  assign,
  assignSlots,
  emptySlots,
  emptySpace,
  type IndexSpace,
  type Region,
  type SlotSpace,
} from './allocation.ts';
import { constantOf, type Layout } from './layout.ts';

/** Idle timeouts in the packet path's terms. */
export interface Profile {
  readonly probationMs: number;
  /** tcpSec or udpSec, by the VIP's protocol. */
  readonly establishedMs: number;
  /** Never more than establishedMs: FIN only shortens. */
  readonly finMs: number;
  /** The flows' slots cannot be told from their fingerprints. */
  readonly isNot5Tuple: boolean;
}

export interface Allocation {
  readonly vips: IndexSpace;
  readonly backends: IndexSpace;
  readonly pools: IndexSpace;
  readonly tenants: IndexSpace;
  readonly slots: SlotSpace;
  /** Encoded profile → index. Old ones stay as long as there is room: live flows point at them. */
  readonly profiles: ReadonlyMap<string, number>;
  /** Lines of the SLOTS table. */
  readonly slotLines: number;
}

export function emptyAllocation(slotLines: number): Allocation {
  return {
    vips: emptySpace,
    backends: emptySpace,
    pools: emptySpace,
    tenants: emptySpace,
    slots: emptySlots,
    profiles: new Map(),
    slotLines,
  };
}

export interface Indices {
  readonly allocation: Allocation;
  /** Highest index + 1 of each table. */
  readonly counts: { readonly vips: number; readonly backends: number; readonly pools: number; readonly tenants: number };
  vip(name: string): Assigned;
  backend(key: string): Assigned;
  pool(name: string): Assigned;
  tenant(name: string): Assigned;
  profile(vip: DesiredVip): number;
  readonly profiles: readonly (readonly [Profile, number])[];
  /** Undefined for a pool without a usable backend: it has no table. */
  slots(pool: string): (Region & { readonly isFresh: boolean }) | undefined;
}

/** `before` is of a generation that every worker has adopted, or empty. */
export function allocate(desired: Desired, before: Allocation, layout: Layout): Indices {
  const limited = (space: IndexSpace, keys: readonly string[], what: string): Assignment =>
    assign(space, keys, { limit: constantOf(layout, `MAX_${what.toUpperCase()}`), what });
  const vips = limited(
    before.vips,
    desired.vips.map(({ name }) => name),
    'vips',
  );
  const pools = limited(
    before.pools,
    desired.pools.map(({ name }) => name),
    'pools',
  );
  const tenants = limited(
    before.tenants,
    desired.tenants.map(({ name }) => name),
    'tenants',
  );
  const keys = desired.pools.flatMap(({ name, backends }) => backends.map(({ address }) => backendKey(name, address)));
  const backends = limited(before.backends, keys, 'backends');
  const slotsPerLine = constantOf(layout, 'SLOTS_PER_LINE');
  const requests = desired.pools.filter(hasTable).map((pool) => ({
    pool: pool.name,
    lines: Math.ceil(pool.tableSize / slotsPerLine),
    signature: signatureOf(pool, desired.clusterSecret, backends),
  }));
  const slots = assignSlots(before.slots, requests, before.slotLines);
  const profiles = assignProfiles(before.profiles, desired.vips, constantOf(layout, 'MAX_PROFILES'));
  return {
    allocation: {
      vips: vips.space,
      backends: backends.space,
      pools: pools.space,
      tenants: tenants.space,
      slots: slots.space,
      profiles,
      slotLines: before.slotLines,
    },
    counts: {
      vips: vips.space.next,
      backends: backends.space.next,
      pools: pools.space.next,
      tenants: tenants.space.next,
    },
    vip: (name) => known(vips, name),
    backend: (key) => known(backends, key),
    pool: (name) => known(pools, name),
    tenant: (name) => known(tenants, name),
    profile: (vip) => profiles.get(profileKey(profileOf(vip))) ?? 0,
    profiles: [...profiles].map(([key, index]) => [profileOfKey(key), index] as const),
    slots: (pool) => slots.of.get(pool),
  };
}

function known(assignment: Assignment, key: string): Assigned {
  const found = assignment.of.get(key);
  if (!found) throw new ToriiError('internal', `desired state refers to ${key}, which it does not contain`);
  return found;
}

function hasTable(pool: DesiredPool): boolean {
  return pool.backends.some(({ takesNewFlows }) => takesNewFlows);
}

/** Everything that a table's content depends on. */
function signatureOf(pool: DesiredPool, secret: string, backends: Assignment): string {
  const members = pool.backends.map(({ address, weight, takesNewFlows }) => {
    const { index, generation } = known(backends, backendKey(pool.name, address));
    return `${address}#${index}.${generation}*${weight}${takesNewFlows ? '+' : '-'}`;
  });
  return `${secret} ${pool.tableSize} ${members.join(' ')}`;
}

export function profileOf({ protocol, timeouts, hash }: DesiredVip): Profile {
  const establishedSec = protocol === 'tcp' ? timeouts.tcpSec : timeouts.udpSec;
  return {
    probationMs: timeouts.probationSec * 1000,
    establishedMs: establishedSec * 1000,
    finMs: Math.min(timeouts.finSec, establishedSec) * 1000,
    isNot5Tuple: hash !== '5tuple',
  };
}

function profileKey({ probationMs, establishedMs, finMs, isNot5Tuple }: Profile): string {
  return `${probationMs},${establishedMs},${finMs},${isNot5Tuple ? 1 : 0}`;
}

function profileOfKey(key: string): Profile {
  const [probationMs = 0, establishedMs = 0, finMs = 0, isNot5Tuple = 0] = key.split(',').map(Number);
  return { probationMs, establishedMs, finMs, isNot5Tuple: isNot5Tuple === 1 };
}

function assignProfiles(
  before: ReadonlyMap<string, number>,
  vips: readonly DesiredVip[],
  limit: number,
): ReadonlyMap<string, number> {
  const wanted = new Set(vips.map((vip) => profileKey(profileOf(vip))));
  if (wanted.size > limit)
    throw new ToriiError('capacity', `expected at most ${limit} different sets of timeouts, got ${wanted.size}`);
  const profiles = new Map(before);
  for (const key of wanted) {
    if (profiles.has(key)) continue;
    let index = profiles.size;
    if (index >= limit) {
      const unused = [...profiles].find(([old]) => !wanted.has(old));
      if (!unused) throw new ToriiError('internal', 'no room for a set of timeouts, though there are few enough');
      profiles.delete(unused[0]);
      index = unused[1];
    }
    profiles.set(key, index);
  }
  return profiles;
}
