// compile(): desired state + what was allocated so far → one immutable snapshot and the tables to fill. Pure.
//
// The result depends only on its arguments. Stable indices come from the allocation, so that compiling a reordered
// document gives the same bytes. The Maglev tables themselves are filled by native code from `fills`, outside the
// snapshot, because one backend's change must not copy all of them (docs/architecture.md).

import { familyOf } from '../model/address.ts';
import type { Desired } from '../model/desired.ts';
import { type Allocation, allocate, type Places } from './allocate-all.ts';
import { bucketEntries, buildBackendIndex, buildDestinationIndex, type DestinationIndex } from './destination-index.ts';
import { constantOf, type Layout } from './layout.ts';
import { SnapshotEmitter } from './snapshot-emitter.ts';
import { planSections, SnapshotWriter } from './snapshot-writer.ts';
import type { TableContent } from './table-content.ts';

/** One Maglev table that native code must fill before the snapshot is loaded. */
export interface Fill {
  readonly pool: string;
  /** First line of its region in the SLOTS table. */
  readonly firstLine: number;
  readonly content: TableContent;
}

export interface Compiled {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly fills: readonly Fill[];
  readonly allocation: Allocation;
}

/** `allocation` is of a generation that every worker has adopted, or empty. Throws `capacity` when the tables are too small. */
export function compile(desired: Desired, allocation: Allocation, layout: Layout): Compiled {
  const places = allocate(desired, allocation, layout);
  const fills = places.pools.flatMap(({ noun, table, isFreshTable }) =>
    table && isFreshTable ? [{ pool: noun.name, firstLine: table.first, content: table.content }] : [],
  );
  const index = destinationsOf(desired, places, layout);
  const destinations = { vips: desired.vips, space: places.allocation.vips, index };
  const bytes = bytesOf(desired, places, index, layout);
  return { bytes, fills, allocation: { ...places.allocation, destinations } };
}

function destinationsOf({ vips }: Desired, { vips: placed, allocation }: Places, layout: Layout): DestinationIndex {
  const known = allocation.destinations;
  if (known?.vips === vips && known.space === allocation.vips) return known.index;
  return buildDestinationIndex(placed, {
    probes: constantOf(layout, 'ADDRESS_PROBES'),
    ranges: constantOf(layout, 'ADDRESS_RANGES_MAX'),
  });
}

function bytesOf(desired: Desired, places: Places, index: DestinationIndex, layout: Layout): Uint8Array<ArrayBuffer> {
  const { allocation, vips, pools, tenants } = places;
  const backendIndex = buildBackendIndex(pools);
  const ranges = index.addresses.reduce((count, entry) => count + (entry?.ranges.length ?? 0), 0);
  const sizes = {
    vip_index: index.buckets.length / bucketEntries,
    address: index.addresses.length,
    vip: allocation.vips.next,
    backend: allocation.backends.next,
    pool: allocation.pools.next,
    tenant: allocation.tenants.next,
    device: desired.node.devices.length,
    profile: constantOf(layout, 'MAX_PROFILES') / 4,
    range: Math.ceil(ranges / 4),
    backend_index: backendIndex.buckets.length / bucketEntries,
  };
  const plan = planSections(layout, sizes);
  const out = new SnapshotEmitter(new SnapshotWriter(layout, plan.lines), plan, places);
  out.header(desired, { ...sizes, ranges, prefixLengths: index.prefixLengths });
  out.node(desired);
  out.buckets('vip_index', index.buckets);
  out.buckets('backend_index', backendIndex.buckets);
  out.addresses(index.addresses);
  for (const [i, vip] of vips.entries()) out.vip(vip, places.profileOf[i] ?? 0);
  const ipv6Pools = poolsOfIpv6(desired);
  for (const pool of pools) {
    out.pool(pool);
    const facts = {
      node: desired.node,
      nextSame: backendIndex.nextSame,
      pool: pool.index,
      servesIpv6: ipv6Pools.has(pool.noun.name),
    };
    for (const backend of pool.backends) out.backend(backend, facts);
  }
  for (const tenant of tenants) out.tenant(tenant);
  for (const [i, device] of desired.node.devices.entries()) out.device(i, device);
  out.profiles();
  return out.writer.bytes;
}

/** Of each VIP the pool that serves now and the other one that its flows stay with. */
function poolsOfIpv6({ vips }: Desired): ReadonlySet<string> {
  const pools = new Set<string>();
  for (const { prefix, activePool, keptPool } of vips) if (familyOf(prefix.address) === 6) pools.add(activePool).add(keptPool);
  return pools;
}
