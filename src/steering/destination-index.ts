// The two indices of a snapshot: destination (address, protocol, port) → VIP, and address → what else it has. Pure.
//
// Built as plain arrays of numbers, so that the writer only places them. A bucket that overflows or a probe that grows
// too long doubles the table: the packet path reads one bucket and a bounded number of lines (native/core/vips.h).

import { ToriiError } from '../errors.ts';
import { familyOf, isHostPrefix, maskAddress, type Prefix } from '../model/address.ts';
import type { DesiredVip } from '../model/desired.ts';
import { isAnyPort } from '../model/vip.ts';
import type { Placed, PlacedPool } from './allocate-all.ts';
import { addressKey, hashAddress, portKey } from './flow-hash.ts';
import { fragmentSpeaker } from './fragment-speaker.ts';

export const protocolNumber = { tcp: 6, udp: 17 } as const;

/** Entries of a bucket, a line of 32-bit words. */
export const bucketEntries = 16;
const tagShift = 20;

export interface RangeEntry {
  readonly vip: number;
  readonly first: number;
  readonly last: number;
  readonly protocol: number;
}

export interface AddressEntry {
  readonly address: string;
  /** Prefix length; IPv4's counts the 96 bits before it. */
  readonly length: number;
  readonly anyTcp: number;
  readonly anyUdp: number;
  readonly firstVip: number;
  /** The VIP that leads later fragments without a record, perhaps one of a wider prefix; 0: none. */
  readonly sourceTcp: number;
  readonly sourceUdp: number;
  readonly ranges: readonly RangeEntry[];
}

export interface DestinationIndex {
  /** Tagged VIP indices by bucket, `bucketEntries` words each; a power of two of them. */
  readonly buckets: Uint32Array<ArrayBuffer>;
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

export type IndexedVip = Pick<Placed<DesiredVip>, 'index' | 'noun'>;

export function buildDestinationIndex(vips: readonly IndexedVip[], limits: IndexLimits): DestinationIndex {
  const lengths = new Set<number>();
  for (const { noun } of vips) lengths.add(mappedLength(noun.prefix));
  lengths.delete(hostLength);
  const prefixLengths = [...lengths].sort((a, b) => b - a);
  return {
    buckets: buildBuckets(vips),
    addresses: buildAddresses(vips, prefixLengths, limits),
    prefixLengths,
  };
}

const hostLength = 128;

/** A prefix's length in 128-bit terms. */
function mappedLength({ address, length }: Prefix): number {
  return familyOf(address) === 4 ? length + 96 : length;
}

function isExact({ ports, prefix }: DesiredVip): boolean {
  return ports.first === ports.last && mappedLength(prefix) === hostLength;
}

interface Hashed {
  readonly index: number;
  readonly hash: number;
}

function buildBuckets(vips: readonly IndexedVip[]): Uint32Array<ArrayBuffer> {
  const hashed: Hashed[] = [];
  for (const { index, noun: vip } of vips) {
    if (!isExact(vip)) continue;
    const rest = portKey(protocolNumber[vip.protocol], vip.ports.first);
    hashed.push({ index, hash: hashAddress(vip.prefix.address, rest) });
  }
  return intoBuckets(hashed);
}

/** Tagged indices by the low bits of their hashes; a bucket that overflows doubles the table. */
function intoBuckets(hashed: readonly Hashed[]): Uint32Array<ArrayBuffer> {
  for (let count = powerOfTwoAtLeast(hashed.length / 4); ; count *= 2) {
    const buckets = placeInBuckets(hashed, count);
    if (buckets) return buckets;
  }
}

function placeInBuckets(hashed: readonly Hashed[], count: number): Uint32Array<ArrayBuffer> | undefined {
  const buckets = new Uint32Array(count * bucketEntries);
  const sizes = new Uint8Array(count);
  for (const { index, hash } of hashed) {
    const bucket = hash & (count - 1);
    const size = sizes[bucket] ?? 0;
    if (size === bucketEntries) return undefined;
    buckets[bucket * bucketEntries + size] = ((hash >>> tagShift) << tagShift) | index;
    sizes[bucket] = size + 1;
  }
  return buckets;
}

export interface BackendIndex {
  /** As DestinationIndex.buckets; one entry per address. */
  readonly buckets: Uint32Array<ArrayBuffer>;
  /** Index → index of the next backend of the same address. */
  readonly nextSame: ReadonlyMap<number, number>;
}

/** Backends by address: a backend of several pools is found once and leads to the others. */
export function buildBackendIndex(pools: readonly Pick<PlacedPool, 'backends'>[]): BackendIndex {
  const first = new Map<string, number>();
  const nextSame = new Map<number, number>();
  for (const { backends } of pools) {
    for (const { index, noun } of backends) {
      const known = first.get(noun.address);
      if (known !== undefined) nextSame.set(index, known);
      first.set(noun.address, index);
    }
  }
  const rest = addressKey(hostLength);
  const hashed: Hashed[] = [];
  for (const [address, index] of first) hashed.push({ index, hash: hashAddress(address, rest) });
  return { buckets: intoBuckets(hashed), nextSame };
}

function buildAddresses(
  vips: readonly IndexedVip[],
  lengths: readonly number[],
  { probes, ranges }: IndexLimits,
): (AddressEntry | undefined)[] {
  const entries: AddressEntry[] = [];
  const groups = groupByPrefix(vips);
  for (const [prefix, group] of groups) {
    const entry = addressEntry(group, levelsAt(group, groups, lengths));
    if (entry.ranges.length > ranges) {
      throw new ToriiError(
        'capacity',
        `expected at most ${ranges} port ranges on one address, got ${entry.ranges.length} on ${prefix}`,
      );
    }
    entries.push(entry);
  }
  for (let count = powerOfTwoAtLeast(entries.length * 2); ; count *= 2) {
    const table = place(entries, count, probes);
    if (table) return table;
  }
}

/** By address, and by "address/length" where that is no single address. */
function groupByPrefix(vips: readonly IndexedVip[]): Map<string, IndexedVip[]> {
  const groups = new Map<string, IndexedVip[]>();
  for (const entry of vips) {
    const { prefix } = entry.noun;
    const length = mappedLength(prefix);
    const key = prefixKey(prefix.address, length);
    const group = groups.get(key);
    if (group) group.push(entry);
    else groups.set(key, [entry]);
  }
  return groups;
}

function prefixKey(address: string, length: number): string {
  return length === hostLength ? address : `${address}/${length}`;
}

function addressEntry(group: readonly IndexedVip[], levels: readonly (readonly IndexedVip[])[]): AddressEntry {
  const [first] = group;
  if (!first) throw new RangeError('an address without VIPs');
  const any = { tcp: 0, udp: 0 };
  const ranges: RangeEntry[] = [];
  for (const { index, noun: vip } of group) {
    const { protocol, ports } = vip;
    if (isAnyPort(ports)) any[protocol] ||= index;
    else if (!isExact(vip)) ranges.push({ vip: index, first: ports.first, last: ports.last, protocol: protocolNumber[protocol] });
  }
  return {
    address: first.noun.prefix.address,
    length: mappedLength(first.noun.prefix),
    anyTcp: any.tcp,
    anyUdp: any.udp,
    firstVip: first.index,
    sourceTcp: fragmentSpeaker(levels, 'tcp')?.index ?? 0,
    sourceUdp: fragmentSpeaker(levels, 'udp')?.index ?? 0,
    ranges,
  };
}

/** The VIPs of a prefix and of each wider one that holds it, narrowest first; of an address its own alone. */
function levelsAt(
  group: readonly IndexedVip[],
  groups: ReadonlyMap<string, readonly IndexedVip[]>,
  lengths: readonly number[],
): readonly (readonly IndexedVip[])[] {
  const levels = [group];
  const prefix = group[0]?.noun.prefix;
  if (!prefix || isHostPrefix(prefix)) return levels;
  const length = mappedLength(prefix);
  const unmapped = length - prefix.length;
  for (const wider of lengths) {
    if (wider >= length || wider < unmapped) continue;
    const holding = groups.get(prefixKey(maskAddress(prefix.address, wider - unmapped), wider));
    if (holding) levels.push(holding);
  }
  return levels;
}

function place(entries: readonly AddressEntry[], count: number, probes: number): (AddressEntry | undefined)[] | undefined {
  const table = Array.from({ length: count }, (): AddressEntry | undefined => undefined);
  for (const entry of entries) {
    const hash = hashAddress(entry.address, addressKey(entry.length));
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
