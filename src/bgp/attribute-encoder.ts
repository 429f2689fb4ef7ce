// Path attributes to bytes, in the order of their type codes (RFC 4271 5, RFC 4760, RFC 6793, RFC 1997, RFC 8092, RFC 9234).
//
// To a peer without 4-octet AS numbers the path goes out twice, with AS_TRANS and as AS4_PATH. MP_REACH goes first, as
// RFC 7606 5.1 recommends, so that a receiver finds the routes even when what follows is broken. Pure.

import { asSequence, asSet, asTrans, attributeFlag, attributeType, maxSegmentAses } from './constants.ts';
import { concatBytes, u16Bytes, u32Bytes } from './cursor.ts';
import { encodePrefix, type Family, families, wireAddress } from './families.ts';
import { type AsSegment, origins, type PathAttributes } from './path-attributes.ts';
import type { WireContext } from './wire-context.ts';

const wellKnown = attributeFlag.transitive;
const optional = attributeFlag.optional;
const optionalTransitive = attributeFlag.optional | attributeFlag.transitive;

/** Flags, type, length (two bytes when one does not do), value. */
export function attribute(flags: number, type: number, value: Uint8Array): Uint8Array {
  const long = value.length > 0xff;
  const lead = long
    ? [flags | attributeFlag.extendedLength, type, ...u16Bytes(value.length)]
    : [flags & ~attributeFlag.extendedLength, type, value.length];
  return concatBytes([Uint8Array.from(lead), value]);
}

function asNumber(as: number, wide: boolean): readonly number[] {
  if (wide) return u32Bytes(as);
  return u16Bytes(as > 0xffff ? asTrans : as);
}

function asPathValue(segments: readonly AsSegment[], wide: boolean): Uint8Array {
  const bytes: number[] = [];
  for (const { kind, ases } of segments) {
    for (let start = 0; start < ases.length; start += maxSegmentAses) {
      const part = ases.slice(start, start + maxSegmentAses);
      bytes.push(kind === 'set' ? asSet : asSequence, part.length, ...part.flatMap((as) => asNumber(as, wide)));
    }
  }
  return Uint8Array.from(bytes);
}

function aggregatorValue({ as, address }: NonNullable<PathAttributes['aggregator']>, wide: boolean): Uint8Array {
  return Uint8Array.of(...asNumber(as, wide), ...wireAddress(address));
}

const communityWidths = [2, 2] as const;
const largeCommunityWidths = [4, 4, 4] as const;

// "65000:100" to its numbers side by side; the document's schema has checked the form.
function communityValue(texts: readonly string[], widths: readonly number[]): Uint8Array {
  const bytes = texts.flatMap((text) => {
    const numbers = text.split(':').map(Number);
    return widths.flatMap((width, i) => [...(width === 2 ? u16Bytes(numbers[i] ?? 0) : u32Bytes(numbers[i] ?? 0))]);
  });
  return Uint8Array.from(bytes);
}

/** MP_REACH_NLRI around NLRI that is already in wire form. */
export function reachAttribute(family: Family, nextHops: readonly string[], nlri: Uint8Array): Uint8Array {
  const hops = concatBytes(nextHops.map(wireAddress));
  const lead = Uint8Array.of(...u16Bytes(family.afi), family.safi, hops.length);
  return attribute(optional, attributeType.mpReach, concatBytes([lead, hops, Uint8Array.of(0), nlri]));
}

/** MP_UNREACH_NLRI around withdrawn routes in wire form; with none it is the family's End-of-RIB (RFC 4724 2). */
export function unreachAttribute(family: Family, nlri: Uint8Array): Uint8Array {
  const lead = Uint8Array.of(...u16Bytes(family.afi), family.safi);
  return attribute(optional, attributeType.mpUnreach, concatBytes([lead, nlri]));
}

/** NLRI of prefixes that are known to be valid. */
export function nlriBytes(prefixes: readonly string[]): Uint8Array {
  return concatBytes(prefixes.flatMap((prefix) => encodePrefix(prefix)?.nlri ?? []));
}

/** All attributes of an UPDATE, one after the other. */
export function encodeAttributes(attributes: PathAttributes, { fourOctetAs }: Pick<WireContext, 'fourOctetAs'>): Uint8Array {
  const { origin, asPath, nextHop, med, localPref, aggregator, communities, largeCommunities, onlyToCustomer } = attributes;
  const { reach, unreach } = attributes;
  const parts: Uint8Array[] = [];
  const add = (flags: number, type: number, value: Uint8Array) => parts.push(attribute(flags, type, value));
  if (reach !== undefined) parts.push(reachAttribute(families[reach.family], reach.nextHops, nlriBytes(reach.prefixes)));
  if (unreach !== undefined) parts.push(unreachAttribute(families[unreach.family], nlriBytes(unreach.prefixes)));
  if (origin !== undefined) add(wellKnown, attributeType.origin, Uint8Array.of(origins.indexOf(origin)));
  if (asPath !== undefined) add(wellKnown, attributeType.asPath, asPathValue(asPath, fourOctetAs));
  if (nextHop !== undefined) add(wellKnown, attributeType.nextHop, wireAddress(nextHop));
  if (med !== undefined) add(optional, attributeType.med, Uint8Array.from(u32Bytes(med)));
  if (localPref !== undefined) add(wellKnown, attributeType.localPref, Uint8Array.from(u32Bytes(localPref)));
  if (attributes.atomicAggregate === true) add(wellKnown, attributeType.atomicAggregate, new Uint8Array(0));
  if (aggregator !== undefined) add(optionalTransitive, attributeType.aggregator, aggregatorValue(aggregator, fourOctetAs));
  if (communities !== undefined) {
    add(optionalTransitive, attributeType.communities, communityValue(communities, communityWidths));
  }
  if (asPath !== undefined && !fourOctetAs && asPath.some(({ ases }) => ases.some((as) => as > 0xffff))) {
    add(optionalTransitive, attributeType.as4Path, asPathValue(asPath, true));
  }
  if (aggregator !== undefined && !fourOctetAs && aggregator.as > 0xffff) {
    add(optionalTransitive, attributeType.as4Aggregator, aggregatorValue(aggregator, true));
  }
  if (largeCommunities !== undefined) {
    add(optionalTransitive, attributeType.largeCommunities, communityValue(largeCommunities, largeCommunityWidths));
  }
  if (onlyToCustomer !== undefined) {
    add(optionalTransitive, attributeType.onlyToCustomer, Uint8Array.from(u32Bytes(onlyToCustomer)));
  }
  for (const { flags, type, value } of attributes.others ?? []) add(flags, type, value);
  return concatBytes(parts);
}
