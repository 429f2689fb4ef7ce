// Places nouns in their lines of a snapshot: one method per structure of native/core/layout.h. Pure.
//
// Called tens of thousands of times for a large document, so what does not change from call to call is looked up before.

import { familyOf, type Prefix } from '../model/address.ts';
import type { Desired, DesiredBackend, DesiredDevice, DesiredNode, DesiredTenant, DesiredVip } from '../model/desired.ts';
import type { Placed, PlacedPool, Places } from './allocate-all.ts';
import { type AddressEntry, protocolNumber } from './destination-index.ts';
import { expandFlowKey } from './flow-hash.ts';
import { constantsOf } from './layout.ts';
import {
  outerBytes,
  outerStart,
  outerSum,
  type SectionName,
  type SectionPlan,
  type SnapshotWriter,
  snapshotOffsets,
} from './snapshot-writer.ts';

const nsPerSec = 1_000_000_000;
/** Tokens that a worker draws at a time: a thousandth of a second's worth, within a BURST. */
const batchPerCps = 1000;
const batchMax = 64;
const hashModes = { '5tuple': 'HASH_5TUPLE', source: 'HASH_SOURCE', destinationPort: 'HASH_DESTINATION_PORT' } as const;

/** What a backend's line says of its surroundings. */
export interface BackendFacts {
  readonly node: DesiredNode;
  /** Of its pool. */
  readonly pool: number;
  /** Index → index of another backend of the same address. */
  readonly nextSame: ReadonlyMap<number, number>;
  /** Its pool has IPv6 VIPs. */
  readonly servesIpv6: boolean;
}

export class SnapshotEmitter {
  readonly writer: SnapshotWriter;
  readonly #plan: SectionPlan;
  readonly #places: Places;
  readonly #at: ReturnType<typeof snapshotOffsets>;
  readonly #word: ReturnType<typeof snapshotWords>;

  constructor(writer: SnapshotWriter, plan: SectionPlan, places: Places) {
    this.writer = writer;
    this.#plan = plan;
    this.#places = places;
    this.#at = snapshotOffsets(writer.layout);
    this.#word = snapshotWords(writer);
  }

  #line(section: SectionName, index: number): number {
    return this.writer.line(this.#plan.first[section] + index);
  }

  header(desired: Desired, sizes: { readonly ranges: number; readonly prefixLengths: readonly number[] }): void {
    const { writer } = this;
    const { header, prefixes } = this.#at;
    const { vips, backends, pools, tenants } = this.#places.allocation;
    writer.u32(header.magic, this.#word.SNAPSHOT_MAGIC);
    writer.u32(header.version, this.#word.LAYOUT_VERSION);
    writer.u32(header.lines, this.#plan.lines);
    writer.u32(header.vips, vips.next);
    writer.u32(header.backends, backends.next);
    writer.u32(header.pools, pools.next);
    writer.u32(header.tenants, tenants.next);
    writer.u32(header.devices, desired.node.devices.length);
    writer.u32(header.profiles, this.#word.MAX_PROFILES);
    writer.u32(header.ranges, sizes.ranges);
    writer.u32(header.prefix_lengths, sizes.prefixLengths.length);
    sizes.prefixLengths.forEach((length, i) => {
      writer.u8(writer.line(5) + prefixes.length + i, length);
    });
    this.#sections();
    this.#key(desired.clusterSecret);
  }

  #sections(): void {
    const { writer } = this;
    const { sections } = this.#at;
    const { first, sizes } = this.#plan;
    const second = writer.line(1);
    for (const name of Object.keys(first) as SectionName[]) writer.u32(second + sections[name], first[name]);
    writer.u32(second + sections.vip_index_mask, sizes.vip_index - 1);
    writer.u32(second + sections.address_mask, sizes.address - 1);
    writer.u32(second + sections.backend_index_mask, sizes.backend_index - 1);
  }

  #key(clusterSecret: string): void {
    const { writer } = this;
    const { key, mix } = this.#at;
    const flowKey = expandFlowKey(clusterSecret);
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
    if (node.address6 !== null) writer.address(fifth + at.address6, node.address6);
    if (node.address !== null) writer.ipv4(fifth + at.address4, node.address);
    const { echo, tooBig, timeExceeded } = node.answers;
    writer.u32(fifth + at.echo_burst, echo.burst);
    writer.u64(fifth + at.echo_interval, this.#ticksPerToken(echo.rate));
    writer.u32(fifth + at.too_big_burst, tooBig.burst);
    writer.u64(fifth + at.too_big_interval, this.#ticksPerToken(tooBig.rate));
    writer.u32(fifth + at.time_exceeded_burst, timeExceeded.burst);
    writer.u64(fifth + at.time_exceeded_interval, this.#ticksPerToken(timeExceeded.rate));
    this.#entropy(node.entropy);
  }

  #entropy({ prefix, prefix6 }: DesiredNode['entropy']): void {
    const { writer } = this;
    const at = this.#at.entropy;
    const seventh = writer.line(6);
    if (prefix !== null) {
      writer.ipv4(seventh + at.prefix4, prefix.address);
      writer.raw(seventh + at.host_mask4, hostMask(prefix).subarray(12));
      writer.u32(seventh + at.has4, 1);
    }
    if (prefix6 !== null) {
      writer.address(seventh + at.prefix6, prefix6.address);
      writer.raw(seventh + at.host_mask6, hostMask(prefix6));
      writer.u32(seventh + at.has6, 1);
    }
  }

  /** Ticks of 1/16 ns; a rate of 0 means never, which native code reads as an interval of 0 for answers. */
  #ticksPerToken(perSec: number): bigint {
    return perSec === 0 ? 0n : BigInt(Math.round((nsPerSec * this.#word.TICKS_PER_NS) / perSec));
  }

  buckets(section: SectionName, buckets: Uint32Array<ArrayBuffer>): void {
    this.writer.words(this.#line(section, 0), buckets);
  }

  addresses(addresses: readonly (AddressEntry | undefined)[]): void {
    const { writer } = this;
    const at = this.#at.address;
    let ranges = 0;
    for (const [i, entry] of addresses.entries()) {
      if (!entry) continue;
      const base = this.#line('address', i);
      writer.address(base + at.address, entry.address);
      writer.u32(base + at.used, 1);
      writer.u32(base + at.length, entry.length);
      writer.u32(base + at.first_vip, entry.firstVip);
      if (entry.anyTcp !== 0) writer.u32(base + at.any_tcp, entry.anyTcp);
      if (entry.anyUdp !== 0) writer.u32(base + at.any_udp, entry.anyUdp);
      if (entry.sourceTcp !== 0) writer.u32(base + at.source_tcp, entry.sourceTcp);
      if (entry.sourceUdp !== 0) writer.u32(base + at.source_udp, entry.sourceUdp);
      writer.u32(base + at.range, ranges);
      writer.u32(base + at.ranges, entry.ranges.length);
      for (const range of entry.ranges) this.#range(ranges++, range);
    }
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

  vip({ noun: vip, index, isFresh }: Placed<DesiredVip>, profile: number): void {
    const { writer } = this;
    const at = this.#at.vip;
    const word = this.#word;
    const base = this.#line('vip', index);
    writer.address(base + at.address, vip.prefix.address);
    if (vip.ports.first === vip.ports.last) writer.view.setUint16(base + at.port, vip.ports.first, false);
    writer.u8(base + at.protocol, protocolNumber[vip.protocol]);
    writer.u8(base + at.hash_mode, word[hashModes[vip.hash]]);
    writer.u8(base + at.encap, vip.encap === 'l2' ? word.ENCAP_L2 : word.ENCAP_IPIP);
    writer.u8(
      base + at.flags,
      (isFresh ? word.VIP_FRESH : 0) | (vip.entropy ? word.VIP_ENTROPY : 0) | (vip.isBlackhole ? word.VIP_DENIED : 0),
    );
    writer.u8(base + at.profile, profile);
    writer.u32(base + at.index, index);
    writer.u32(base + at.pool, this.#places.pool(vip.activePool));
    writer.u32(base + at.kept_pool, this.#places.pool(vip.keptPool));
    writer.u32(base + at.tenant, this.#places.tenant(vip.tenant));
  }

  pool({ noun, index, table }: PlacedPool): void {
    if (!table) return;
    const base = this.#line('pool', index);
    this.writer.u32(base + this.#at.pool.slots, table.first);
    this.writer.u32(base + this.#at.pool.size, noun.tableSize);
  }

  backend({ noun: backend, index, generation, isFresh }: Placed<DesiredBackend>, facts: BackendFacts): void {
    const { writer } = this;
    const at = this.#at.backend;
    const word = this.#word;
    const { address, nextHop } = backend;
    const { node } = facts;
    const base = this.#line('backend', index);
    const device = nextHop.kind === 'resolved' ? node.devices.findIndex(({ name }) => name === nextHop.device) : -1;
    writer.address(base + at.address, address);
    writer.u32(base + at.next_same, facts.nextSame.get(index) ?? 0);
    writer.u32(base + at.pool, facts.pool);
    writer.u8(base + at.generation, generation);
    writer.u8(
      base + at.flags,
      (backend.takesNewFlows ? word.BACKEND_TAKES_NEW : 0) |
        (backend.keepsFlows ? word.BACKEND_KEEPS : 0) |
        (device >= 0 ? word.BACKEND_RESOLVED : 0) |
        (isFresh ? word.BACKEND_FRESH : 0) |
        (facts.servesIpv6 ? word.BACKEND_SERVES_IPV6 : 0),
    );
    writer.u8(base + at.outer_bytes, outerBytes[familyOf(address)]);
    if (node.address !== null && familyOf(address) === 4) {
      writer.u32(base + at.outer_start, outerStart);
      writer.ipv4(base + at.outer_src4, node.address);
      writer.ipv4(base + at.outer_dst4, address);
      writer.u32(base + at.outer_sum, outerSum(node.address, address));
    }
    writer.u16(base + at.mtu, Math.min(nextHop.mtuBytes ?? 0, 65535));
    if (nextHop.kind !== 'resolved' || device < 0) return;
    writer.mac(base + at.dst_mac, nextHop.mac);
    writer.mac(base + at.src_mac, node.devices[device]?.mac ?? '');
    writer.u16(base + at.device, device);
  }

  tenant({ noun: { plan }, index, isFresh }: Placed<DesiredTenant>): void {
    const { writer } = this;
    const at = this.#at.tenant;
    const base = this.#line('tenant', index);
    const interval = plan ? this.#ticksPerToken(plan.cps) : 0n;
    writer.u64(base + at.interval, interval);
    writer.u64(base + at.span, interval * BigInt(plan?.burst ?? 0));
    writer.u32(base + at.batch, Math.max(1, Math.min(batchMax, Math.floor((plan?.cps ?? 0) / batchPerCps))));
    writer.u32(base + at.flags, (plan?.udp ? this.#word.TENANT_UDP : 0) | (isFresh ? this.#word.TENANT_FRESH : 0));
  }

  device(index: number, { mac, mtuBytes }: DesiredDevice): void {
    const base = this.#line('device', index);
    this.writer.mac(base + this.#at.device.mac, mac);
    this.writer.u16(base + this.#at.device.mtu, Math.min(mtuBytes, 65535));
  }

  profiles(): void {
    const { writer } = this;
    const at = this.#at.profile;
    for (const [{ probationMs, establishedMs, finMs, isNot5Tuple }, index] of this.#places.profiles) {
      const base = this.#line('profile', 0) + (index * writer.lineBytes) / 4;
      writer.u32(base + at.probation_ms, probationMs);
      writer.u32(base + at.established_ms, establishedMs);
      writer.u32(base + at.fin_ms, finMs);
      writer.u32(base + at.flags, isNot5Tuple ? this.#word.PROFILE_NOT_5TUPLE : 0);
    }
  }
}

/** 16 bytes with the bits behind a prefix set: what the flow's hash may fill in. */
function hostMask({ address, length }: Prefix): Uint8Array {
  const first = familyOf(address) === 4 ? 96 + length : length;
  return Uint8Array.from({ length: 16 }, (_, i) => 0xff >> Math.max(0, Math.min(8, first - i * 8)));
}

function snapshotWords({ layout }: SnapshotWriter) {
  return constantsOf(layout, [
    'SNAPSHOT_MAGIC',
    'LAYOUT_VERSION',
    'MAX_PROFILES',
    'TICKS_PER_NS',
    'HASH_5TUPLE',
    'HASH_SOURCE',
    'HASH_DESTINATION_PORT',
    'ENCAP_IPIP',
    'ENCAP_L2',
    'VIP_FRESH',
    'VIP_ENTROPY',
    'VIP_DENIED',
    'BACKEND_TAKES_NEW',
    'BACKEND_KEEPS',
    'BACKEND_RESOLVED',
    'BACKEND_FRESH',
    'BACKEND_SERVES_IPV6',
    'TENANT_UDP',
    'TENANT_FRESH',
    'PROFILE_NOT_5TUPLE',
  ]);
}
