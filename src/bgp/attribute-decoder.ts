// Path attributes from bytes, with the error handling of RFC 7606.
//
// Three degrees: a malformed attribute either is left out (`discarded`) or makes the routes of its UPDATE withdrawn
// (`faults`); only what makes the message itself unreadable, or what RFC 7606 leaves at RFC 4271's rule, throws.
// One row of the table per attribute says its flags and its degree. Pure.

import { asSequence, asSet, attributeFlag, attributeType, errorCode, updateError } from './constants.ts';
import { Cursor } from './cursor.ts';
import { decodePrefixes, type Family, familyByCode, wireAddressText } from './families.ts';
import { NotificationError } from './notification.ts';
import { type AsSegment, origins, type PathAttributes, type RawAttribute, type UpdateContext } from './path-attributes.ts';

type Draft = { -readonly [K in keyof PathAttributes]: PathAttributes[K] };

interface Rule {
  readonly flags: number;
  readonly malformed: 'withdraw' | 'discard';
  /** Means nothing from another AS, and is left out there (RFC 7606 7.5, 7.9, 7.10). */
  readonly internalOnly?: true;
  /** False when the value is malformed. */
  readonly decode: (value: Uint8Array, draft: Draft, context: UpdateContext) => boolean;
}

const wellKnown = attributeFlag.transitive;
const optional = attributeFlag.optional;
const optionalTransitive = optional | attributeFlag.transitive;
const kindFlags = optional | attributeFlag.transitive;

const keep = (type: number, flags: number, valid: (length: number) => boolean): Rule['decode'] => {
  return (value, draft) => {
    if (!valid(value.length)) return false;
    draft.others = [...(draft.others ?? []), { type, flags, value: value.slice() }];
    return true;
  };
};
const multipleOf = (unit: number) => (length: number) => length > 0 && length % unit === 0;

const rules: ReadonlyMap<number, Rule> = new Map<number, Rule>([
  [attributeType.origin, { flags: wellKnown, malformed: 'withdraw', decode: decodeOrigin }],
  [attributeType.asPath, { flags: wellKnown, malformed: 'withdraw', decode: decodeAsPath }],
  [attributeType.nextHop, { flags: wellKnown, malformed: 'withdraw', decode: decodeNextHop }],
  [attributeType.med, { flags: optional, malformed: 'withdraw', decode: decodeNumber('med') }],
  [attributeType.localPref, { flags: wellKnown, malformed: 'withdraw', internalOnly: true, decode: decodeNumber('localPref') }],
  [attributeType.atomicAggregate, { flags: wellKnown, malformed: 'discard', decode: decodeAtomicAggregate }],
  [attributeType.aggregator, { flags: optionalTransitive, malformed: 'discard', decode: decodeAggregator }],
  [attributeType.communities, { flags: optionalTransitive, malformed: 'withdraw', decode: decodeCommunities }],
  [
    attributeType.originatorId,
    {
      flags: optional,
      malformed: 'withdraw',
      internalOnly: true,
      decode: keep(attributeType.originatorId, optional, (length) => length === 4),
    },
  ],
  [
    attributeType.clusterList,
    {
      flags: optional,
      malformed: 'withdraw',
      internalOnly: true,
      decode: keep(attributeType.clusterList, optional, multipleOf(4)),
    },
  ],
  [attributeType.mpReach, { flags: optional, malformed: 'withdraw', decode: decodeReach }],
  [attributeType.mpUnreach, { flags: optional, malformed: 'withdraw', decode: decodeUnreach }],
  [
    attributeType.extendedCommunities,
    {
      flags: optionalTransitive,
      malformed: 'withdraw',
      decode: keep(attributeType.extendedCommunities, optionalTransitive, multipleOf(8)),
    },
  ],
  [
    attributeType.as4Path,
    { flags: optionalTransitive, malformed: 'discard', decode: keep(attributeType.as4Path, optionalTransitive, multipleOf(2)) },
  ],
  [
    attributeType.as4Aggregator,
    {
      flags: optionalTransitive,
      malformed: 'discard',
      decode: keep(attributeType.as4Aggregator, optionalTransitive, (length) => length === 8),
    },
  ],
  [attributeType.largeCommunities, { flags: optionalTransitive, malformed: 'withdraw', decode: decodeLargeCommunities }],
]);

function decodeOrigin(value: Uint8Array, draft: Draft): boolean {
  const origin = value.length === 1 ? origins[value[0] ?? 0] : undefined;
  if (origin === undefined) return false;
  draft.origin = origin;
  return true;
}

class Malformed extends Error {}

function decodeAsPath(value: Uint8Array, draft: Draft, { fourOctetAs }: UpdateContext): boolean {
  const cursor = new Cursor(value, () => new Malformed());
  const segments: AsSegment[] = [];
  while (cursor.remaining > 0) {
    const type = cursor.u8();
    const count = cursor.u8();
    if ((type !== asSet && type !== asSequence) || count === 0) return false;
    const ases = Array.from({ length: count }, () => (fourOctetAs ? cursor.u32() : cursor.u16()));
    segments.push({ kind: type === asSet ? 'set' : 'sequence', ases });
  }
  draft.asPath = segments;
  return true;
}

function decodeNextHop(value: Uint8Array, draft: Draft): boolean {
  if (value.length !== 4) return false;
  draft.nextHop = wireAddressText(value);
  return true;
}

function decodeNumber(key: 'med' | 'localPref'): Rule['decode'] {
  return (value, draft) => {
    if (value.length !== 4) return false;
    draft[key] = new Cursor(value, () => new Malformed()).u32();
    return true;
  };
}

function decodeAtomicAggregate(value: Uint8Array, draft: Draft): boolean {
  if (value.length !== 0) return false;
  draft.atomicAggregate = true;
  return true;
}

function decodeAggregator(value: Uint8Array, draft: Draft, { fourOctetAs }: UpdateContext): boolean {
  if (value.length !== (fourOctetAs ? 8 : 6)) return false;
  const cursor = new Cursor(value, () => new Malformed());
  const as = fourOctetAs ? cursor.u32() : cursor.u16();
  draft.aggregator = { as, address: wireAddressText(cursor.take(4)) };
  return true;
}

function decodeCommunities(value: Uint8Array, draft: Draft): boolean {
  if (!multipleOf(4)(value.length)) return false;
  const cursor = new Cursor(value, () => new Malformed());
  draft.communities = Array.from({ length: value.length / 4 }, () => `${cursor.u16()}:${cursor.u16()}`);
  return true;
}

function decodeLargeCommunities(value: Uint8Array, draft: Draft): boolean {
  if (!multipleOf(12)(value.length)) return false;
  const cursor = new Cursor(value, () => new Malformed());
  draft.largeCommunities = Array.from({ length: value.length / 12 }, () => `${cursor.u32()}:${cursor.u32()}:${cursor.u32()}`);
  return true;
}

function optionalAttributeError(what: string): NotificationError {
  return new NotificationError(errorCode.update, updateError.optionalAttribute, what);
}

// A family this speaker does not know has routes it would ignore anyway; its attribute is only looked at so far.
function decodeReach(value: Uint8Array, draft: Draft): boolean {
  const cursor = new Cursor(value, () => optionalAttributeError('MP_REACH_NLRI is cut short'));
  const family = familyByCode(cursor.u16(), cursor.u8());
  const hops = cursor.take(cursor.u8());
  cursor.u8();
  if (family === undefined) return true;
  // RFC 7606 7.11: the length of the next hop tells where the routes begin, so an odd one cannot be lived with.
  if (!nextHopLengths(family).includes(hops.length)) {
    throw optionalAttributeError(`MP_REACH_NLRI: next hop of ${hops.length} bytes for ${family.name}`);
  }
  const width = hops.length === 32 ? 16 : hops.length;
  const nextHops = Array.from({ length: hops.length / width }, (_, i) =>
    wireAddressText(hops.subarray(i * width, (i + 1) * width)),
  );
  draft.reach = { family: family.name, nextHops, prefixes: decodePrefixes(cursor.take(cursor.remaining), family) };
  return true;
}

// RFC 2545 3, RFC 8950 3.
function nextHopLengths(family: Family): readonly number[] {
  return family.name === 'ipv4' ? [4, 16, 32] : [16, 32];
}

function decodeUnreach(value: Uint8Array, draft: Draft): boolean {
  const cursor = new Cursor(value, () => optionalAttributeError('MP_UNREACH_NLRI is cut short'));
  const family = familyByCode(cursor.u16(), cursor.u8());
  if (family === undefined) return true;
  draft.unreach = { family: family.name, prefixes: decodePrefixes(cursor.take(cursor.remaining), family) };
  return true;
}

export interface DecodedAttributes {
  readonly attributes: PathAttributes;
  /** Types seen, malformed ones included. */
  readonly seen: ReadonlySet<number>;
  /** Why the routes of this UPDATE count as withdrawn; empty when they do not. */
  readonly faults: readonly string[];
  readonly discarded: readonly string[];
}

function malformedList(what: string): NotificationError {
  return new NotificationError(errorCode.update, updateError.malformedList, what);
}

class AttributeReader {
  readonly draft: Draft = {};
  readonly seen = new Set<number>();
  readonly faults: string[] = [];
  readonly discarded: string[] = [];
  readonly #context: UpdateContext;

  constructor(context: UpdateContext) {
    this.#context = context;
  }

  accept({ type, flags, value }: RawAttribute, wire: Uint8Array): void {
    const rule = rules.get(type);
    if (this.seen.has(type)) {
      // RFC 7606 3 (g): the first one counts, but twice the same routes attribute cannot be made sense of.
      if (type === attributeType.mpReach || type === attributeType.mpUnreach) throw malformedList(`attribute ${type} twice`);
      this.discarded.push(`attribute ${type} again`);
      return;
    }
    this.seen.add(type);
    if (rule === undefined) this.#unknown({ type, flags, value }, wire);
    else this.#known(rule, { type, flags, value });
  }

  #unknown(raw: RawAttribute, wire: Uint8Array): void {
    if ((raw.flags & optional) === 0) {
      const what = `attribute ${raw.type} claims to be well-known`;
      throw new NotificationError(errorCode.update, updateError.unknownWellKnown, what, wire.slice());
    }
    this.draft.others = [...(this.draft.others ?? []), { ...raw, value: raw.value.slice() }];
  }

  #known(rule: Rule, { type, flags, value }: RawAttribute): void {
    if (rule.internalOnly === true && !this.#context.internal) {
      this.discarded.push(`attribute ${type} from another AS`);
      return;
    }
    const flagsFit = (flags & kindFlags) === rule.flags;
    if (!flagsFit) this.faults.push(`attribute ${type}: flags 0x${flags.toString(16)}`);
    if (this.#decodes(rule, value)) return;
    (rule.malformed === 'withdraw' ? this.faults : this.discarded).push(
      `attribute ${type} of ${value.length} bytes is malformed`,
    );
  }

  #decodes(rule: Rule, value: Uint8Array): boolean {
    try {
      return rule.decode(value, this.draft, this.#context);
    } catch (error) {
      if (error instanceof Malformed) return false;
      throw error;
    }
  }
}

/**
 * Takes the path attributes field apart. `bytesAfter` is how much of the message follows it: a length that points past
 * the whole message makes the message unreadable, one that points past the field only its routes (RFC 7606 4).
 * @throws NotificationError 3/1, 3/2, 3/9 or 3/10.
 */
export function decodeAttributes(field: Uint8Array, bytesAfter: number, context: UpdateContext): DecodedAttributes {
  const reader = new AttributeReader(context);
  for (let offset = 0; offset < field.length; ) {
    const flags = field[offset] ?? 0;
    const wide = (flags & attributeFlag.extendedLength) !== 0;
    const lead = wide ? 4 : 3;
    if (field.length - offset < lead) {
      reader.faults.push('attribute cut short');
      break;
    }
    const type = field[offset + 1] ?? 0;
    const length = wide ? ((field[offset + 2] ?? 0) << 8) | (field[offset + 3] ?? 0) : (field[offset + 2] ?? 0);
    const end = offset + lead + length;
    if (end > field.length + bytesAfter) throw malformedList(`attribute ${type} of ${length} bytes runs past the message`);
    if (end > field.length) {
      reader.faults.push(`attribute ${type} of ${length} bytes runs past the attributes`);
      break;
    }
    reader.accept({ type, flags, value: field.subarray(offset + lead, end) }, field.subarray(offset, end));
    offset = end;
  }
  return { attributes: reader.draft, seen: reader.seen, faults: reader.faults, discarded: reader.discarded };
}
