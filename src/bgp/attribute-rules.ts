// What each known path attribute looks like, and what follows when it does not (RFC 7606 7, and each attribute's own RFC).
//
// One row per attribute: its flags, what a malformed one means for the UPDATE, where it has no meaning, and how its value
// is read into the draft. MP_REACH_NLRI and MP_UNREACH_NLRI are in mp-attributes.ts. Pure.

import { readAs4Path, readAsPath } from './as-path.ts';
import { attributeFlag, attributeType, updateError } from './constants.ts';
import { wireAddressText } from './families.ts';
import { type AsSegment, origins, type PathAttributes, type RawAttribute } from './path-attributes.ts';
import type { WireContext } from './wire-context.ts';

/** Attributes as far as they are read. */
export type Draft = { -readonly [K in keyof PathAttributes]: PathAttributes[K] } & {
  as4Path?: readonly AsSegment[];
  as4Aggregator?: NonNullable<PathAttributes['aggregator']>;
};

export interface Rule {
  /** Of the two that say its kind. */
  readonly flags: number;
  /** Its routes count as withdrawn, or they stay and only the attribute is left out. */
  readonly malformed: 'withdraw' | 'discard';
  /** Left out without a look: from another AS (RFC 7606 7.5, 7.9, 7.10), or between speakers of 4-octet ASes (RFC 6793 6). */
  readonly meaningless?: (context: WireContext) => boolean;
  /** The UPDATE error subcode of what is wrong with the value, or undefined. */
  readonly decode: (value: Uint8Array, draft: Draft, context: WireContext) => number | undefined;
}

const wellKnown = attributeFlag.transitive;
const optional = attributeFlag.optional;
const optionalTransitive = optional | attributeFlag.transitive;
const { attributeLength, invalidNextHop, invalidOrigin, malformedAsPath, optionalAttribute } = updateError;

const fromOutside = ({ internal }: WireContext): boolean => !internal;
const betweenWide = ({ fourOctetAs }: WireContext): boolean => fourOctetAs;

const isMultipleOf = (unit: number) => (length: number) => length > 0 && length % unit === 0;

function numbers(value: Uint8Array, width: 2 | 4): number[] {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  return Array.from({ length: value.length / width }, (_, i) => (width === 2 ? view.getUint16(2 * i) : view.getUint32(4 * i)));
}

const keep =
  ({ type, flags }: Pick<RawAttribute, 'type' | 'flags'>, fits: (length: number) => boolean): Rule['decode'] =>
  (value, draft) => {
    if (!fits(value.length)) return attributeLength;
    draft.others = [...(draft.others ?? []), { type, flags, value: value.slice() }];
    return undefined;
  };

const keepAt = (type: number, flags: number, unit: number): Rule['decode'] => keep({ type, flags }, isMultipleOf(unit));

const number =
  (key: 'med' | 'localPref' | 'onlyToCustomer'): Rule['decode'] =>
  (value, draft) => {
    const [only] = value.length === 4 ? numbers(value, 4) : [];
    if (only === undefined) return attributeLength;
    draft[key] = only;
    return undefined;
  };

function decodeOrigin(value: Uint8Array, draft: Draft): number | undefined {
  const [code = 0] = value;
  if (value.length !== 1) return attributeLength;
  const origin = origins[code];
  if (origin === undefined) return invalidOrigin;
  draft.origin = origin;
  return undefined;
}

function decodeAsPath(value: Uint8Array, draft: Draft, { fourOctetAs }: WireContext): number | undefined {
  const path = readAsPath(value, fourOctetAs);
  if (path === undefined) return malformedAsPath;
  draft.asPath = path;
  return undefined;
}

function decodeAs4Path(value: Uint8Array, draft: Draft): number | undefined {
  const path = readAs4Path(value);
  if (path === undefined) return optionalAttribute;
  draft.as4Path = path;
  return undefined;
}

function decodeNextHop(value: Uint8Array, draft: Draft): number | undefined {
  const [first = 0] = value;
  if (value.length !== 4) return attributeLength;
  // RFC 4271 6.3: it has to be a host's, which multicast, reserved and "this network" addresses are not.
  if (first === 0 || first >= 224) return invalidNextHop;
  draft.nextHop = wireAddressText(value);
  return undefined;
}

function decodeAtomicAggregate(value: Uint8Array, draft: Draft): number | undefined {
  if (value.length !== 0) return attributeLength;
  draft.atomicAggregate = true;
  return undefined;
}

const aggregator =
  (key: 'aggregator' | 'as4Aggregator', isWide: (context: WireContext) => boolean): Rule['decode'] =>
  (value, draft, context) => {
    const width = isWide(context) ? 4 : 2;
    if (value.length !== width + 4) return attributeLength;
    const [as = 0] = numbers(value.subarray(0, width), width);
    if (as === 0) return optionalAttribute;
    draft[key] = { as, address: wireAddressText(value.subarray(width)) };
    return undefined;
  };

const communities =
  (key: 'communities' | 'largeCommunities', width: 2 | 4, parts: number): Rule['decode'] =>
  (value, draft) => {
    if (!isMultipleOf(width * parts)(value.length)) return attributeLength;
    const all = numbers(value, width);
    draft[key] = Array.from({ length: all.length / parts }, (_, i) => all.slice(i * parts, (i + 1) * parts).join(':'));
    return undefined;
  };

const t = attributeType;

export const rules: ReadonlyMap<number, Rule> = new Map<number, Rule>([
  [t.origin, { flags: wellKnown, malformed: 'withdraw', decode: decodeOrigin }],
  [t.asPath, { flags: wellKnown, malformed: 'withdraw', decode: decodeAsPath }],
  [t.nextHop, { flags: wellKnown, malformed: 'withdraw', decode: decodeNextHop }],
  [t.med, { flags: optional, malformed: 'withdraw', decode: number('med') }],
  [t.localPref, { flags: wellKnown, malformed: 'withdraw', meaningless: fromOutside, decode: number('localPref') }],
  [t.atomicAggregate, { flags: wellKnown, malformed: 'discard', decode: decodeAtomicAggregate }],
  [t.aggregator, { flags: optionalTransitive, malformed: 'discard', decode: aggregator('aggregator', betweenWide) }],
  [t.communities, { flags: optionalTransitive, malformed: 'withdraw', decode: communities('communities', 2, 2) }],
  [
    t.originatorId,
    {
      flags: optional,
      malformed: 'withdraw',
      meaningless: fromOutside,
      decode: keep({ type: t.originatorId, flags: optional }, (length) => length === 4),
    },
  ],
  [
    t.clusterList,
    { flags: optional, malformed: 'withdraw', meaningless: fromOutside, decode: keepAt(t.clusterList, optional, 4) },
  ],
  [
    t.extendedCommunities,
    { flags: optionalTransitive, malformed: 'withdraw', decode: keepAt(t.extendedCommunities, optionalTransitive, 8) },
  ],
  [t.as4Path, { flags: optionalTransitive, malformed: 'discard', meaningless: betweenWide, decode: decodeAs4Path }],
  [
    t.as4Aggregator,
    {
      flags: optionalTransitive,
      malformed: 'discard',
      meaningless: betweenWide,
      decode: aggregator('as4Aggregator', () => true),
    },
  ],
  [
    t.ipv6ExtendedCommunities,
    { flags: optionalTransitive, malformed: 'withdraw', decode: keepAt(t.ipv6ExtendedCommunities, optionalTransitive, 20) },
  ],
  [t.largeCommunities, { flags: optionalTransitive, malformed: 'withdraw', decode: communities('largeCommunities', 4, 3) }],
  [t.onlyToCustomer, { flags: optionalTransitive, malformed: 'withdraw', decode: number('onlyToCustomer') }],
]);
