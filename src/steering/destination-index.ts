// The two indices of a snapshot: destination (address, protocol, port) → VIP, and address → what else it has. Pure.
//
// Built as plain arrays of numbers, so that the writer only places them. A bucket that overflows or a probe that grows
// too long doubles the table: the packet path reads one bucket and a bounded number of lines (native/core/vips.h).

import { ToriiError } from '../errors.ts';
import { addressBytes, familyOf } from '../model/address.ts';
import type { DesiredVip } from '../model/desired.ts';
import { isAnyPort } from '../model/vip.ts';
import { addressKey, hashDestination, portKey } from './flow-hash.ts';

export const protocolNumber = { tcp: 6, udp: 17 } as const;

const bucketEntries = 16;
const tagShift = 20;

export interface RangeEntry {
  readonly vip: number;
  readonly first: number;
  readonly last: number;
  readonly protocol: number;
}

export interface AddressEntry {
  readonly bytes: Uint8Array;
  /** Prefix length; IPv4's counts the 96 bits before it. */
  readonly length: number;
  readonly anyTcp: number;
  readonly anyUdp: number;
  readonly firstVip: number;
  /** A VIP that speaks for all of its protocol at the address, when all hash by source to one pool; else 0. */
  readonly sourceTcp: number;
  readonly sourceUdp: number;
  readonly ranges: readonly RangeEntry[];
}

export interface DestinationIndex {
  /** Buckets of tagged VIP indices; a power of two of them. */
  readonly buckets: readonly (readonly number[])[];
  /** Probed from hash & (length - 1); undefined is empty. */
  readonly addresses: readonly (AddressEntry | undefined)[];
  /** Lengths of prefixes in use that are no host's, longest first. */
  readonly prefixLengths: readonly number[];
}

export interface IndexLimits {
  /** Lines that a look-up of an address may read. */
  readonly probes: number;
  /** Port ranges (and ports, of a prefix) per address. */
  readonly ranges: number;
}

export interface IndexedVip {
  readonly index: number;
  readonly vip: DesiredVip;
}

export function buildDestinationIndex(vips: readonly IndexedVip[], limits: IndexLimits): DestinationIndex {
  const lengths = new Set(vips.map(({ vip }) => mappedLength(vip)).filter((length) => length < 128));
  return {
    buckets: buildBuckets(vips),
    addresses: buildAddresses(vips, limits),
    prefixLengths: [...lengths].sort((a, b) => b - a),
  };
}

/** Length of a VIP's prefix in 128-bit terms. */
export function mappedLength(vip: DesiredVip): number {
  return familyOf(vip.prefix.address) === 4 ? vip.prefix.length + 96 : vip.prefix.length;
}

function isExact(vip: DesiredVip): boolean {
  return vip.ports.first === vip.ports.last && mappedLength(vip) === 128;
}

function buildBuckets(vips: readonly IndexedVip[]): number[][] {
  const hashed = vips
    .filter(({ vip }) => isExact(vip))
    .map(({ index, vip }) => ({
      index,
      hash: hashDestination(addressBytes(vip.prefix.address), portKey(protocolNumber[vip.protocol], vip.ports.first)),
    }));
  return intoBuckets(hashed);
}

/** Tagged indices by the low bits of their hashes; a bucket that overflows doubles the table. */
function intoBuckets(hashed: readonly { readonly index: number; readonly hash: number }[]): number[][] {
  for (let count = powerOfTwoAtLeast(hashed.length / 4); ; count *= 2) {
    const buckets = Array.from({ length: count }, (): number[] => []);
    for (const { index, hash } of hashed) buckets[hash & (count - 1)]?.push((((hash >>> tagShift) << tagShift) | index) >>> 0);
    if (buckets.every((bucket) => bucket.length <= bucketEntries)) return buckets;
  }
}

export interface BackendIndex {
  /** As DestinationIndex.buckets; one entry per address. */
  readonly buckets: readonly (readonly number[])[];
  /** Index → index of the next backend of the same address. */
  readonly nextSame: ReadonlyMap<number, number>;
}

/** Backends by address: a backend of several pools is found once and leads to the others. */
export function buildBackendIndex(backends: readonly { readonly index: number; readonly address: string }[]): BackendIndex {
  const first = new Map<string, number>();
  const nextSame = new Map<number, number>();
  for (const { index, address } of backends) {
    const known = first.get(address);
    if (known !== undefined) nextSame.set(index, known);
    first.set(address, index);
  }
  const hashed = [...first].map(([address, index]) => ({ index, hash: hashDestination(addressBytes(address), addressKey(128)) }));
  return { buckets: intoBuckets(hashed), nextSame };
}

function buildAddresses(vips: readonly IndexedVip[], { probes, ranges }: IndexLimits): (AddressEntry | undefined)[] {
  const entries = [...groupByPrefix(vips)].map(([prefix, group]) => {
    const entry = addressEntry(group);
    if (entry.ranges.length > ranges) {
      throw new ToriiError(
        'capacity',
        `expected at most ${ranges} port ranges on one address, got ${entry.ranges.length} on ${prefix}`,
      );
    }
    return entry;
  });
  for (let count = powerOfTwoAtLeast(entries.length * 2); ; count *= 2) {
    const table = place(entries, count, probes);
    if (table) return table;
  }
}

function groupByPrefix(vips: readonly IndexedVip[]): Map<string, IndexedVip[]> {
  const groups = new Map<string, IndexedVip[]>();
  for (const entry of vips) {
    const key = `${entry.vip.prefix.address}/${mappedLength(entry.vip)}`;
    const group = groups.get(key);
    if (group) group.push(entry);
    else groups.set(key, [entry]);
  }
  return groups;
}

function addressEntry(group: readonly IndexedVip[]): AddressEntry {
  const [first] = group;
  if (!first) throw new RangeError('an address without VIPs');
  const anyOf = (protocol: 'tcp' | 'udp'): number =>
    group.find(({ vip }) => vip.protocol === protocol && isAnyPort(vip.ports))?.index ?? 0;
  return {
    bytes: addressBytes(first.vip.prefix.address),
    length: mappedLength(first.vip),
    anyTcp: anyOf('tcp'),
    anyUdp: anyOf('udp'),
    firstVip: first.index,
    sourceTcp: sourceSpeaker(group, 'tcp'),
    sourceUdp: sourceSpeaker(group, 'udp'),
    ranges: group
      .filter(({ vip }) => !isExact(vip) && !isAnyPort(vip.ports))
      .map(({ index, vip }) => ({ vip: index, ...vip.ports, protocol: protocolNumber[vip.protocol] })),
  };
}

function sourceSpeaker(group: readonly IndexedVip[], protocol: 'tcp' | 'udp'): number {
  const all = group.filter(({ vip }) => vip.protocol === protocol);
  const [first] = all;
  return first && all.every(({ vip }) => vip.hash === 'source' && vip.activePool === first.vip.activePool) ? first.index : 0;
}

function place(entries: readonly AddressEntry[], count: number, probes: number): (AddressEntry | undefined)[] | undefined {
  const table = Array.from({ length: count }, (): AddressEntry | undefined => undefined);
  for (const entry of entries) {
    const hash = hashDestination(entry.bytes, addressKey(entry.length));
    let probe = 0;
    while (probe < probes && table[(hash + probe) & (count - 1)]) probe++;
    if (probe === probes) return undefined;
    table[(hash + probe) & (count - 1)] = entry;
  }
  return table;
}

function powerOfTwoAtLeast(n: number): number {
  let power = 1;
  while (power < n) power *= 2;
  return power;
}
