// UPDATE: routes that go, attributes, routes that come (RFC 4271 4.3, 6.3; RFC 7606; RFC 4760; RFC 4724 for End-of-RIB).
//
// Decoding keeps every route it can still find: `faults` tells that the announced ones count as withdrawn. packing.ts brings
// routes into messages. Pure.

import { decodeAttributes, type Fault } from './attribute-decoder.ts';
import { encodeAttributes, nlriBytes } from './attribute-encoder.ts';
import { attributeType, errorCode, updateError } from './constants.ts';
import { concatBytes, u16Bytes } from './cursor.ts';
import { decodePrefixes, type FamilyName, families } from './families.ts';
import { NotificationError } from './notification.ts';
import type { PathAttributes } from './path-attributes.ts';
import type { WireContext } from './wire-context.ts';

export interface UpdateMessage {
  readonly kind: 'update';
  readonly withdrawn: readonly string[];
  readonly attributes: PathAttributes;
  readonly announced: readonly string[];
  /** RFC 7606: why the announced routes count as withdrawn; empty on a sound message. */
  readonly faults: readonly string[];
  readonly discarded: readonly string[];
}

const lengthBytes = 2;

/** The body from its three fields in wire form. */
export function updateBody(withdrawn: Uint8Array, attributes: Uint8Array, nlri: Uint8Array): Uint8Array {
  return concatBytes([
    Uint8Array.from(u16Bytes(withdrawn.length)),
    withdrawn,
    Uint8Array.from(u16Bytes(attributes.length)),
    attributes,
    nlri,
  ]);
}

/** Body of the message. */
export function encodeUpdate(update: UpdateMessage, context: Pick<WireContext, 'fourOctetAs'>): Uint8Array {
  return updateBody(nlriBytes(update.withdrawn), encodeAttributes(update.attributes, context), nlriBytes(update.announced));
}

function overrun(what: string): NotificationError {
  return new NotificationError(errorCode.update, updateError.malformedList, `${what} runs past the message`);
}

/** `bytes` is the body, at least 4 bytes: the header's length was checked. @throws NotificationError of code 3. */
export function decodeUpdate(bytes: Uint8Array, context: WireContext): UpdateMessage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const withdrawnEnd = lengthBytes + view.getUint16(0);
  if (withdrawnEnd + lengthBytes > bytes.length) throw overrun('withdrawn routes length');
  const attributesStart = withdrawnEnd + lengthBytes;
  const attributesEnd = attributesStart + view.getUint16(withdrawnEnd);
  if (attributesEnd > bytes.length) throw overrun('total path attribute length');
  const withdrawn = decodePrefixes(bytes.subarray(lengthBytes, withdrawnEnd), families.ipv4);
  const field = bytes.subarray(attributesStart, attributesEnd);
  const { attributes, seen, discarded, ...decoded } = decodeAttributes(field, bytes.length - attributesEnd, context);
  const announced = decodePrefixes(bytes.subarray(attributesEnd), families.ipv4);
  const hasNlri = announced.length > 0;
  // RFC 4760 3: without routes of the old kind NEXT_HOP is about nothing.
  const found = decoded.faults.filter(({ type }) => type !== attributeType.nextHop || hasNlri);
  const faults = [...found, ...missing(seen, hasNlri, attributes.reach !== undefined)];
  const [worst] = faults;
  // RFC 7606 5.2: where no route can be found there is nothing to withdraw, and no telling what was lost.
  if (worst !== undefined && !hasNlri && !announces(attributes, seen)) throw worst.error;
  return { kind: 'update', withdrawn, attributes, announced, faults: faults.map(({ error }) => error.message), discarded };
}

// Routes of a family that is not known are taken to be there.
function announces({ reach }: PathAttributes, seen: ReadonlySet<number>): boolean {
  return reach === undefined ? seen.has(attributeType.mpReach) : reach.prefixes.length > 0;
}

// RFC 7606 3 (d): routes without their mandatory attributes count as withdrawn.
function missing(seen: ReadonlySet<number>, hasNlri: boolean, hasReach: boolean): Fault[] {
  const wanted: [number, string, boolean][] = [
    [attributeType.origin, 'ORIGIN', hasNlri || hasReach],
    [attributeType.asPath, 'AS_PATH', hasNlri || hasReach],
    [attributeType.nextHop, 'NEXT_HOP', hasNlri],
  ];
  return wanted
    .filter(([type, , isNeeded]) => isNeeded && !seen.has(type))
    .map(([type, name]) => {
      const { missingWellKnown } = updateError;
      const error = new NotificationError(errorCode.update, missingWellKnown, `${name} is missing`, Uint8Array.of(type));
      return { type, error };
    });
}

/** The family whose routes are all there now, or undefined when the message says something else (RFC 4724 2). */
export function endOfRibFamily({ withdrawn, attributes, announced, faults }: UpdateMessage): FamilyName | undefined {
  if (withdrawn.length + announced.length + faults.length > 0) return undefined;
  const { unreach, ...others } = attributes;
  if (Object.keys(others).length > 0) return undefined;
  if (unreach === undefined) return 'ipv4';
  return unreach.prefixes.length === 0 ? unreach.family : undefined;
}
