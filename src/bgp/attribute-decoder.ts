// Path attributes from bytes, with the error handling of RFC 7606.
//
// Three degrees: a malformed attribute either is left out (`discarded`) or makes the routes of its UPDATE withdrawn
// (`faults`); only what makes the message itself unreadable, or what RFC 7606 leaves at RFC 4271's rule, throws.
// attribute-rules.ts says which attribute has which degree. Pure.

import { joinPaths } from './as-path.ts';
import { type Draft, type Rule, rules } from './attribute-rules.ts';
import { asTrans, attributeFlag, attributeType, errorCode, updateError } from './constants.ts';
import { decodeReach, decodeUnreach, optionalAttributeError } from './mp-attributes.ts';
import { NotificationError } from './notification.ts';
import type { PathAttributes, RawAttribute } from './path-attributes.ts';
import type { WireContext } from './wire-context.ts';

/** Why the routes of an UPDATE count as withdrawn, and what the peer is told where that cannot be done. */
export interface Fault {
  /** Of the attribute; undefined where none could be made out. */
  readonly type: number | undefined;
  readonly error: NotificationError;
}

export interface DecodedAttributes {
  readonly attributes: PathAttributes;
  /** Types seen, malformed ones included. */
  readonly seen: ReadonlySet<number>;
  readonly faults: readonly Fault[];
  readonly discarded: readonly string[];
}

function malformedList(what: string): NotificationError {
  return new NotificationError(errorCode.update, updateError.malformedList, what);
}

const kindFlags = attributeFlag.optional | attributeFlag.transitive;

function isMultiprotocol(type: number): boolean {
  return type === attributeType.mpReach || type === attributeType.mpUnreach;
}

class AttributeReader {
  readonly draft: Draft = {};
  readonly seen = new Set<number>();
  readonly faults: Fault[] = [];
  readonly discarded: string[] = [];
  readonly #context: WireContext;

  constructor(context: WireContext) {
    this.#context = context;
  }

  /** `wire` is the whole attribute, of which `value` is the end. */
  accept({ type, flags, value }: RawAttribute, wire: Uint8Array): void {
    if (this.seen.has(type)) {
      // RFC 7606 3 (g): the first one counts, but twice the same routes attribute cannot be made sense of.
      if (isMultiprotocol(type)) throw malformedList(`attribute ${type} twice`);
      this.discarded.push(`attribute ${type} again`);
      return;
    }
    this.seen.add(type);
    const rule = rules.get(type);
    if (isMultiprotocol(type)) this.#routes({ type, flags, value }, wire);
    else if (rule === undefined) this.#unknown({ type, flags, value }, wire);
    else this.#known(rule, { type, flags, value }, wire);
  }

  cutShort(what: string): void {
    this.faults.push({ type: undefined, error: malformedList(what) });
  }

  finish(): DecodedAttributes {
    const { as4Path: _path, as4Aggregator: _aggregator, ...attributes } = this.draft;
    return { attributes: { ...attributes, ...this.#widened() }, seen: this.seen, faults: this.faults, discarded: this.discarded };
  }

  // RFC 6793 4.2.3: beside a wide aggregator, a narrow one other than AS_TRANS is that of a speaker that aggregated later and
  // knows nothing of the wide attributes.
  #widened(): Pick<PathAttributes, 'asPath' | 'aggregator'> {
    const { asPath, as4Path, aggregator, as4Aggregator } = this.draft;
    const hasBoth = aggregator !== undefined && as4Aggregator !== undefined;
    if (hasBoth && aggregator.as !== asTrans) return {};
    return {
      ...(asPath === undefined || as4Path === undefined ? {} : { asPath: joinPaths(asPath, as4Path) }),
      ...(hasBoth ? { aggregator: as4Aggregator } : {}),
    };
  }

  // RFC 7606 5.3: flags that are wrong count among what makes these unreadable.
  #routes({ type, flags, value }: RawAttribute, wire: Uint8Array): void {
    if ((flags & kindFlags) !== attributeFlag.optional) {
      throw optionalAttributeError(`attribute ${type}: flags 0x${flags.toString(16)}`, wire);
    }
    if (type === attributeType.mpReach) {
      const reach = decodeReach(value, wire);
      if (reach !== undefined) this.draft.reach = reach;
    } else {
      const unreach = decodeUnreach(value, wire);
      if (unreach !== undefined) this.draft.unreach = unreach;
    }
  }

  #unknown(raw: RawAttribute, wire: Uint8Array): void {
    if ((raw.flags & attributeFlag.optional) === 0) {
      const what = `attribute ${raw.type} claims to be well-known`;
      throw new NotificationError(errorCode.update, updateError.unknownWellKnown, what, wire.slice());
    }
    this.draft.others = [...(this.draft.others ?? []), { ...raw, value: raw.value.slice() }];
  }

  #known(rule: Rule, { type, flags, value }: RawAttribute, wire: Uint8Array): void {
    if (rule.meaningless?.(this.#context) === true) {
      this.discarded.push(`attribute ${type} means nothing on this session`);
      return;
    }
    if ((flags & kindFlags) !== rule.flags) {
      this.#fault(type, updateError.attributeFlags, `attribute ${type}: flags 0x${flags.toString(16)}`, wire);
    }
    const subcode = rule.decode(value, this.draft, this.#context);
    if (subcode === undefined) return;
    const what = `attribute ${type} of ${value.length} bytes is malformed`;
    if (rule.malformed === 'discard') this.discarded.push(what);
    else this.#fault(type, subcode, what, wire);
  }

  #fault(type: number, subcode: number, what: string, wire: Uint8Array): void {
    // RFC 4271 6.3 names no data for this one.
    const data = subcode === updateError.malformedAsPath ? undefined : wire.slice();
    this.faults.push({ type, error: new NotificationError(errorCode.update, subcode, what, data) });
  }
}

/**
 * Takes the path attributes field apart. `bytesAfter` is how much of the message follows it: a length that points past
 * the whole message makes the message unreadable, one that points past the field only its routes (RFC 7606 4).
 * @throws NotificationError 3/1, 3/2, 3/9 or 3/10.
 */
export function decodeAttributes(field: Uint8Array, bytesAfter: number, context: WireContext): DecodedAttributes {
  const reader = new AttributeReader(context);
  for (let offset = 0; offset < field.length; ) {
    const flags = field[offset] ?? 0;
    const wide = (flags & attributeFlag.extendedLength) !== 0;
    const lead = wide ? 4 : 3;
    if (field.length - offset < lead) {
      reader.cutShort('attribute cut short');
      break;
    }
    const type = field[offset + 1] ?? 0;
    const length = wide ? ((field[offset + 2] ?? 0) << 8) | (field[offset + 3] ?? 0) : (field[offset + 2] ?? 0);
    const end = offset + lead + length;
    if (end > field.length + bytesAfter) throw malformedList(`attribute ${type} of ${length} bytes runs past the message`);
    if (end > field.length) {
      reader.cutShort(`attribute ${type} of ${length} bytes runs past the attributes`);
      break;
    }
    reader.accept({ type, flags, value: field.subarray(offset + lead, end) }, field.subarray(offset, end));
    offset = end;
  }
  return reader.finish();
}
