// compile(): desired state + what was allocated so far → one immutable snapshot and the tables to fill. Pure.
//
// The result depends only on its arguments. Stable indices come from the allocation, so that compiling a reordered
// document gives the same bytes. The Maglev tables themselves are filled by native code from `fills`, outside the
// snapshot, because one backend's change must not copy all of them (docs/architecture.md).

import { addressBytes, familyOf } from '../model/address.ts';
import { backendKey } from '../model/backend.ts';
import type { Desired, DesiredBackend, DesiredPool, DesiredTenant, DesiredVip } from '../model/desired.ts';
import { type Allocation, allocate, type Indices } from './allocate-all.ts';
import { type AddressEntry, buildBackendIndex, buildDestinationIndex, protocolNumber } from './destination-index.ts';
import { expandFlowKey } from './flow-hash.ts';
import { constantOf, type Layout } from './layout.ts';
import {
  hostMask,
  ipv4Word,
  macBytes,
  outerBytes,
  outerSum,
  planSections,
  type SectionPlan,
  SnapshotWriter,
  snapshotOffsets,
} from './snapshot-writer.ts';

/** One Maglev table that native code must fill before the snapshot is loaded. */
export interface Fill {
  readonly pool: string;
  /** First line of its region in the SLOTS table. */
  readonly firstLine: number;
  readonly size: number;
  /** Sorted by address bytes. */
  readonly members: readonly FillMember[];
}

export interface FillMember {
  /** What the slots hold. */
  readonly index: number;
  readonly address: string;
  readonly weight: number;
  readonly takesNewFlows: boolean;
}

/** Names by index, for whoever reads counters. */
export interface Directory {
  readonly vips: readonly { readonly index: number; readonly name: string; readonly tenant: string; readonly pool: string }[];
  readonly backends: readonly { readonly index: number; readonly pool: string; readonly address: string }[];
  readonly tenants: readonly { readonly index: number; readonly name: string; readonly cps: number | null }[];
  readonly pools: readonly { readonly name: string; readonly firstLine: number; readonly size: number }[];
}

export interface Compiled {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly fills: readonly Fill[];
  readonly allocation: Allocation;
  readonly directory: Directory;
}

const nsPerSec = 1_000_000_000;
/** Tokens that a worker draws at a time: a thousandth of a second's worth, within a BURST. */
const batchPerCps = 1000;
const batchMax = 64;

/** `allocation` is of a generation that every worker has adopted, or empty. Throws `capacity` when the tables are too small. */
export function compile(desired: Desired, allocation: Allocation, layout: Layout): Compiled {
  const indices = allocate(desired, allocation, layout);
  const vips = desired.vips.map((vip) => ({ index: indices.vip(vip.name).index, vip }));
  const index = buildDestinationIndex(vips, {
    probes: constantOf(layout, 'ADDRESS_PROBES'),
    ranges: constantOf(layout, 'ADDRESS_RANGES_MAX'),
  });
  const ranges = index.addresses.flatMap((entry) => entry?.ranges ?? []);
  const backendIndex = buildBackendIndex(
    desired.pools.flatMap(({ name, backends }) =>
      backends.map(({ address }) => ({ index: indices.backend(backendKey(name, address)).index, address })),
    ),
  );
  const ipv6Pools = new Set(
    desired.vips.filter(({ prefix }) => familyOf(prefix.address) === 6).flatMap(({ pool, activePool }) => [pool, activePool]), // a flow may outlast its pool's turn
  );
  const counts = indices.counts;
  const plan = planSections(layout, {
    vip_index: index.buckets.length,
    address: index.addresses.length,
    vip: counts.vips,
    backend: counts.backends,
    pool: counts.pools,
    tenant: counts.tenants,
    device: desired.node.devices.length,
    profile: constantOf(layout, 'MAX_PROFILES') / 4,
    range: Math.ceil(ranges.length / 4),
    backend_index: backendIndex.buckets.length,
  });
  const out = new Emitter(new SnapshotWriter(layout, plan.lines), plan, indices);
  out.header(desired, {
    buckets: index.buckets.length,
    addresses: index.addresses.length,
    ranges: ranges.length,
    backendBuckets: backendIndex.buckets.length,
    prefixLengths: index.prefixLengths,
  });
  out.node(desired);
  out.buckets('vip_index', index.buckets);
  out.buckets('backend_index', backendIndex.buckets);
  out.addresses(index.addresses);
  for (const vip of desired.vips) out.vip(vip);
  for (const pool of desired.pools) {
    out.pool(pool);
    for (const backend of pool.backends) {
      const { index: own } = indices.backend(backendKey(pool.name, backend.address));
      out.backend(backend, desired, { nextSame: backendIndex.nextSame.get(own) ?? 0, servesIpv6: ipv6Pools.has(pool.name) });
    }
  }
  for (const tenant of desired.tenants) out.tenant(tenant);
  desired.node.devices.forEach((device, i) => {
    out.device(i, device.mac, device.mtuBytes);
  });
  out.profiles();
  return {
    bytes: out.writer.bytes,
    fills: fillsOf(desired, indices),
    allocation: indices.allocation,
    directory: directoryOf(desired, indices),
  };
}

function fillsOf(desired: Desired, indices: Indices): Fill[] {
  return desired.pools.flatMap((pool) => {
    const region = indices.slots(pool.name);
    if (!region?.isFresh) return [];
    const members = pool.backends.map((backend) => ({
      index: indices.backend(backendKey(pool.name, backend.address)).index,
      address: backend.address,
      weight: backend.weight,
      takesNewFlows: backend.takesNewFlows,
    }));
    return [{ pool: pool.name, firstLine: region.first, size: pool.tableSize, members }];
  });
}

function directoryOf(desired: Desired, indices: Indices): Directory {
  return {
    vips: desired.vips.map(({ name, tenant, activePool }) => ({
      index: indices.vip(name).index,
      name,
      tenant,
      pool: activePool,
    })),
    backends: desired.pools.flatMap(({ name, backends }) =>
      backends.map(({ address }) => ({ index: indices.backend(backendKey(name, address)).index, pool: name, address })),
    ),
    tenants: desired.tenants.map(({ name, plan }) => ({ index: indices.tenant(name).index, name, cps: plan?.cps ?? null })),
    pools: desired.pools.map(({ name, tableSize }) => {
      const region = indices.slots(name);
      return { name, firstLine: region?.first ?? 0, size: region ? tableSize : 0 };
    }),
  };
}

/** What a backend's line says of its surroundings. */
interface BackendFacts {
  /** Index of another backend of the same address, or 0. */
  readonly nextSame: number;
  /** Its pool has IPv6 VIPs. */
  readonly servesIpv6: boolean;
}

/** Places nouns in their lines. One method per structure of native/core/layout.h. */
class Emitter {
  readonly writer: SnapshotWriter;
  readonly #plan: SectionPlan;
  readonly #indices: Indices;
  readonly #at: ReturnType<typeof snapshotOffsets>;
  readonly #flag: (name: string) => number;

  constructor(writer: SnapshotWriter, plan: SectionPlan, indices: Indices) {
    this.writer = writer;
    this.#plan = plan;
    this.#indices = indices;
    this.#at = snapshotOffsets(writer.layout);
    this.#flag = (name) => constantOf(writer.layout, name);
  }

  #line(section: string, index: number): number {
    return this.writer.line((this.#plan.first[section] ?? 0) + index);
  }

  header(
    desired: Desired,
    sizes: {
      readonly buckets: number;
      readonly addresses: number;
      readonly ranges: number;
      readonly backendBuckets: number;
      readonly prefixLengths: readonly number[];
    },
  ): void {
    const { writer } = this;
    const { header, sections, key, mix } = this.#at;
    const { counts } = this.#indices;
    writer.u32(header.magic, this.#flag('SNAPSHOT_MAGIC'));
    writer.u32(header.version, this.#flag('LAYOUT_VERSION'));
    writer.u32(header.lines, this.#plan.lines);
    writer.u32(header.vips, counts.vips);
    writer.u32(header.backends, counts.backends);
    writer.u32(header.pools, counts.pools);
    writer.u32(header.tenants, counts.tenants);
    writer.u32(header.devices, desired.node.devices.length);
    writer.u32(header.profiles, this.#flag('MAX_PROFILES'));
    writer.u32(header.ranges, sizes.ranges);
    writer.u32(header.prefix_lengths, sizes.prefixLengths.length);
    sizes.prefixLengths.forEach((length, i) => {
      writer.u8(writer.line(5) + this.#at.prefixes.length + i, length);
    });
    const second = writer.line(1);
    for (const name of [
      'vip_index',
      'address',
      'vip',
      'backend',
      'pool',
      'tenant',
      'device',
      'profile',
      'range',
      'backend_index',
    ] as const) {
      writer.u32(second + sections[name], this.#plan.first[name] ?? 0);
    }
    writer.u32(second + sections.vip_index_mask, sizes.buckets - 1);
    writer.u32(second + sections.address_mask, sizes.addresses - 1);
    writer.u32(second + sections.backend_index_mask, sizes.backendBuckets - 1);
    const flowKey = expandFlowKey(desired.clusterSecret);
    const third = writer.line(2);
    flowKey.nh.forEach((word, i) => {
      writer.u32(third + key.nh + 4 * i, word);
    });
    writer.u64(third + key.m0, flowKey.m0);
    writer.u64(third + key.m1, flowKey.m1);
    const fourth = writer.line(3);
    writer.u64(fourth + mix.m2, flowKey.m2);
    writer.u64(fourth + mix.m3, flowKey.m3);
    writer.u64(fourth + mix.v4_a, flowKey.v4a);
    writer.u64(fourth + mix.v4_b, flowKey.v4b);
  }

  node({ node }: Desired): void {
    const { writer } = this;
    const at = this.#at.node;
    const fifth = writer.line(4);
    if (node.address6 !== null) writer.raw(fifth + at.address6, addressBytes(node.address6));
    if (node.address !== null) writer.u32(fifth + at.address4, ipv4Word(node.address));
    const { echo, tooBig, timeExceeded } = node.answers;
    writer.u32(fifth + at.echo_burst, echo.burst);
    writer.u64(fifth + at.echo_interval, this.#ticksPerToken(echo.rate));
    writer.u32(fifth + at.too_big_burst, tooBig.burst);
    writer.u64(fifth + at.too_big_interval, this.#ticksPerToken(tooBig.rate));
    writer.u32(fifth + at.time_exceeded_burst, timeExceeded.burst);
    writer.u64(fifth + at.time_exceeded_interval, this.#ticksPerToken(timeExceeded.rate));
    this.#entropy(node.entropy);
  }

  #entropy({ prefix, prefix6 }: Desired['node']['entropy']): void {
    const { writer } = this;
    const at = this.#at.entropy;
    const seventh = writer.line(6);
    if (prefix !== null) {
      writer.u32(seventh + at.prefix4, ipv4Word(prefix.address));
      writer.raw(seventh + at.host_mask4, hostMask(prefix).subarray(12));
      writer.u32(seventh + at.has4, 1);
    }
    if (prefix6 !== null) {
      writer.raw(seventh + at.prefix6, addressBytes(prefix6.address));
      writer.raw(seventh + at.host_mask6, hostMask(prefix6));
      writer.u32(seventh + at.has6, 1);
    }
  }

  /** Ticks of 1/16 ns; a rate of 0 means never, which native code reads as an interval of 0 for answers. */
  #ticksPerToken(perSec: number): bigint {
    return perSec === 0 ? 0n : BigInt(Math.round((nsPerSec * this.#flag('TICKS_PER_NS')) / perSec));
  }

  buckets(section: string, buckets: readonly (readonly number[])[]): void {
    buckets.forEach((bucket, i) => {
      bucket.forEach((entry, j) => {
        this.writer.u32(this.#line(section, i) + 4 * j, entry);
      });
    });
  }

  addresses(addresses: readonly (AddressEntry | undefined)[]): void {
    const { writer } = this;
    const at = this.#at.address;
    let ranges = 0;
    addresses.forEach((entry, i) => {
      if (!entry) return;
      const base = this.#line('address', i);
      writer.raw(base + at.address, entry.bytes);
      writer.u32(base + at.used, 1);
      writer.u32(base + at.length, entry.length);
      writer.u32(base + at.any_tcp, entry.anyTcp);
      writer.u32(base + at.any_udp, entry.anyUdp);
      writer.u32(base + at.first_vip, entry.firstVip);
      writer.u32(base + at.source_tcp, entry.sourceTcp);
      writer.u32(base + at.source_udp, entry.sourceUdp);
      writer.u32(base + at.range, ranges);
      writer.u32(base + at.ranges, entry.ranges.length);
      for (const range of entry.ranges) this.#range(ranges++, range);
    });
  }

  #range(number: number, range: AddressEntry['ranges'][number]): void {
    const { writer } = this;
    const at = this.#at.range;
    const base = this.#line('range', 0) + (number * writer.lineBytes) / 4;
    writer.u32(base + at.vip, range.vip);
    writer.u16(base + at.first, range.first);
    writer.u16(base + at.last, range.last);
    writer.u32(base + at.protocol, range.protocol);
  }

  vip(vip: DesiredVip): void {
    const { writer } = this;
    const at = this.#at.vip;
    const { index, isFresh } = this.#indices.vip(vip.name);
    const base = this.#line('vip', index);
    writer.raw(base + at.address, addressBytes(vip.prefix.address));
    if (vip.ports.first === vip.ports.last) writer.view.setUint16(base + at.port, vip.ports.first, false);
    writer.u8(base + at.protocol, protocolNumber[vip.protocol]);
    writer.u8(base + at.hash_mode, this.#flag(hashModes[vip.hash]));
    writer.u8(base + at.encap, this.#flag(vip.encap === 'l2' ? 'ENCAP_L2' : 'ENCAP_IPIP'));
    writer.u8(base + at.flags, (isFresh ? this.#flag('VIP_FRESH') : 0) | (vip.entropy ? this.#flag('VIP_ENTROPY') : 0));
    writer.u8(base + at.profile, this.#indices.profile(vip));
    writer.u32(base + at.index, index);
    writer.u32(base + at.pool, this.#indices.pool(vip.activePool).index);
    writer.u32(base + at.home_pool, this.#indices.pool(vip.pool).index);
    writer.u32(base + at.tenant, this.#indices.tenant(vip.tenant).index);
  }

  pool(pool: DesiredPool): void {
    const region = this.#indices.slots(pool.name);
    if (!region) return;
    const base = this.#line('pool', this.#indices.pool(pool.name).index);
    this.writer.u32(base + this.#at.pool.slots, region.first);
    this.writer.u32(base + this.#at.pool.size, pool.tableSize);
  }

  backend(backend: DesiredBackend, { node }: Desired, { nextSame, servesIpv6 }: BackendFacts): void {
    const { writer } = this;
    const at = this.#at.backend;
    const { index, generation, isFresh } = this.#indices.backend(backendKey(backend.pool, backend.address));
    const base = this.#line('backend', index);
    const device =
      backend.nextHop.kind === 'resolved' ? node.devices.findIndex(({ name }) => name === backendDevice(backend)) : -1;
    const flags =
      (backend.takesNewFlows ? this.#flag('BACKEND_TAKES_NEW') : 0) |
      (backend.keepsFlows ? this.#flag('BACKEND_KEEPS') : 0) |
      (device >= 0 ? this.#flag('BACKEND_RESOLVED') : 0) |
      (isFresh ? this.#flag('BACKEND_FRESH') : 0) |
      (servesIpv6 ? this.#flag('BACKEND_SERVES_IPV6') : 0);
    writer.raw(base + at.address, addressBytes(backend.address));
    writer.u32(base + at.next_same, nextSame);
    writer.u32(base + at.pool, this.#indices.pool(backend.pool).index);
    writer.u8(base + at.generation, generation);
    writer.u8(base + at.flags, flags);
    writer.u8(base + at.outer_bytes, outerBytes[familyOf(backend.address)]);
    if (node.address !== null && familyOf(backend.address) === 4) {
      writer.u32(base + at.outer_src4, ipv4Word(node.address));
      writer.u32(base + at.outer_sum, outerSum(node.address, backend.address));
    }
    writer.u16(base + at.mtu, Math.min(backend.nextHop.mtuBytes ?? 0, 65535));
    if (backend.nextHop.kind !== 'resolved' || device < 0) return;
    writer.raw(base + at.dst_mac, macBytes(backend.nextHop.mac));
    writer.raw(base + at.src_mac, macBytes(node.devices[device]?.mac ?? ''));
    writer.u16(base + at.device, device);
  }

  tenant({ name, plan }: DesiredTenant): void {
    const { writer } = this;
    const at = this.#at.tenant;
    const { index, isFresh } = this.#indices.tenant(name);
    const base = this.#line('tenant', index);
    const interval = plan ? this.#ticksPerToken(plan.cps) : 0n;
    writer.u64(base + at.interval, interval);
    writer.u64(base + at.span, interval * BigInt(plan?.burst ?? 0));
    writer.u32(base + at.batch, Math.max(1, Math.min(batchMax, Math.floor((plan?.cps ?? 0) / batchPerCps))));
    writer.u32(base + at.flags, (plan?.udp ? this.#flag('TENANT_UDP') : 0) | (isFresh ? this.#flag('TENANT_FRESH') : 0));
  }

  device(index: number, mac: string, mtuBytes: number): void {
    const base = this.#line('device', index);
    this.writer.raw(base + this.#at.device.mac, macBytes(mac));
    this.writer.u16(base + this.#at.device.mtu, Math.min(mtuBytes, 65535));
  }

  profiles(): void {
    const { writer } = this;
    const at = this.#at.profile;
    for (const [{ probationMs, establishedMs, finMs, isNot5Tuple }, index] of this.#indices.profiles) {
      const base = this.#line('profile', 0) + (index * writer.lineBytes) / 4;
      writer.u32(base + at.probation_ms, probationMs);
      writer.u32(base + at.established_ms, establishedMs);
      writer.u32(base + at.fin_ms, finMs);
      writer.u32(base + at.flags, isNot5Tuple ? this.#flag('PROFILE_NOT_5TUPLE') : 0);
    }
  }
}

const hashModes = { '5tuple': 'HASH_5TUPLE', source: 'HASH_SOURCE', destinationPort: 'HASH_DESTINATION_PORT' } as const;

function backendDevice(backend: DesiredBackend): string | null {
  return backend.nextHop.kind === 'resolved' ? backend.nextHop.device : null;
}
