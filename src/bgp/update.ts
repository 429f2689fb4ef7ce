// UPDATE: routes that go, attributes, routes that come (RFC 4271 4.3, 6.3; RFC 7606; RFC 4760; RFC 4724 for End-of-RIB).
//
// Decoding keeps every route it can still find: `faults` tells that the announced ones count as withdrawn. Packing takes
// NLRI in wire form and gives the fewest messages that carry it. Pure.

import { decodeAttributes } from './attribute-decoder.ts';
import { encodeAttributes, nlriBytes, reachAttribute, unreachAttribute } from './attribute-encoder.ts';
import { attributeType, errorCode, headerBytes, maxMessageBytes, updateError } from './constants.ts';
import { concatBytes, u16Bytes } from './cursor.ts';
import { decodePrefixes, type Family, families } from './families.ts';
import { NotificationError } from './notification.ts';
import type { PathAttributes, UpdateContext } from './path-attributes.ts';

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

function body(withdrawn: Uint8Array, attributes: Uint8Array, nlri: Uint8Array): Uint8Array {
  return concatBytes([
    Uint8Array.from(u16Bytes(withdrawn.length)),
    withdrawn,
    Uint8Array.from(u16Bytes(attributes.length)),
    attributes,
    nlri,
  ]);
}

/** Body of the message. */
export function encodeUpdate(update: UpdateMessage, context: Pick<UpdateContext, 'fourOctetAs'>): Uint8Array {
  return body(nlriBytes(update.withdrawn), encodeAttributes(update.attributes, context), nlriBytes(update.announced));
}

function overrun(what: string): NotificationError {
  return new NotificationError(errorCode.update, updateError.malformedList, `${what} runs past the message`);
}

/** `bytes` is the body, at least 4 bytes: the header's length was checked. @throws NotificationError of code 3. */
export function decodeUpdate(bytes: Uint8Array, context: UpdateContext): UpdateMessage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const withdrawnEnd = lengthBytes + view.getUint16(0);
  if (withdrawnEnd + lengthBytes > bytes.length) throw overrun('withdrawn routes length');
  const attributesStart = withdrawnEnd + lengthBytes;
  const attributesEnd = attributesStart + view.getUint16(withdrawnEnd);
  if (attributesEnd > bytes.length) throw overrun('total path attribute length');
  const withdrawn = decodePrefixes(bytes.subarray(lengthBytes, withdrawnEnd), families.ipv4);
  const field = bytes.subarray(attributesStart, attributesEnd);
  const decoded = decodeAttributes(field, bytes.length - attributesEnd, context);
  const announced = decodePrefixes(bytes.subarray(attributesEnd), families.ipv4);
  const { attributes, discarded } = decoded;
  const faults = [...decoded.faults, ...missing(decoded.seen, announced.length > 0, attributes.reach !== undefined)];
  return { kind: 'update', withdrawn, attributes, announced, faults, discarded };
}

// RFC 7606 3 (d): routes without their mandatory attributes count as withdrawn.
function missing(seen: ReadonlySet<number>, hasNlri: boolean, hasReach: boolean): string[] {
  const wanted: [number, string, boolean][] = [
    [attributeType.origin, 'ORIGIN', hasNlri || hasReach],
    [attributeType.asPath, 'AS_PATH', hasNlri || hasReach],
    [attributeType.nextHop, 'NEXT_HOP', hasNlri],
  ];
  return wanted.filter(([type, , needed]) => needed && !seen.has(type)).map(([, name]) => `${name} is missing`);
}

/** How many routes the message announces and withdraws, in every family. */
export function countRoutes({ withdrawn, attributes, announced }: UpdateMessage): { announced: number; withdrawn: number } {
  return {
    announced: announced.length + (attributes.reach?.prefixes.length ?? 0),
    withdrawn: withdrawn.length + (attributes.unreach?.prefixes.length ?? 0),
  };
}

/** One message of a packing: it carries the next `count` of the routes that were given. */
export interface Packed {
  readonly body: Uint8Array;
  readonly count: number;
}

// Cuts NLRI into runs of at most `room` bytes. First-fit in order is the fewest when all prefixes are of one length.
function pack(nlri: readonly Uint8Array[], room: number, bodyOf: (run: Uint8Array) => Uint8Array): Packed[] {
  const packed: Packed[] = [];
  let start = 0;
  let used = 0;
  const flush = (end: number) => {
    if (end > start) packed.push({ body: bodyOf(concatBytes(nlri.slice(start, end))), count: end - start });
    start = end;
    used = 0;
  };
  nlri.forEach((prefix, i) => {
    if (used + prefix.length > room) flush(i);
    used += prefix.length;
  });
  flush(nlri.length);
  return packed;
}

const bodyRoom = maxMessageBytes - headerBytes - 2 * lengthBytes;
// Flags, type, two bytes of length, AFI, SAFI.
const unreachLeadBytes = 7;
const empty = new Uint8Array(0);

/** The UPDATEs that withdraw these routes. */
export function packWithdrawals(family: Family, nlri: readonly Uint8Array[]): Packed[] {
  if (family.name === 'ipv4') return pack(nlri, bodyRoom, (run) => body(run, empty, empty));
  return pack(nlri, bodyRoom - unreachLeadBytes, (run) => body(empty, unreachAttribute(family, run), empty));
}

export interface RouteAttributes {
  /** In wire form; for IPv4 with NEXT_HOP, for other families without. */
  readonly bytes: Uint8Array;
  /** For MP_REACH_NLRI; unused for IPv4. */
  readonly nextHop: string;
}

/** The UPDATEs that announce these routes with one set of attributes. */
export function packAnnouncements(family: Family, { bytes, nextHop }: RouteAttributes, nlri: readonly Uint8Array[]): Packed[] {
  if (family.name === 'ipv4') return pack(nlri, bodyRoom - bytes.length, (run) => body(empty, bytes, run));
  // One more than the attribute without routes: with them its length may take two bytes.
  const reachBytes = reachAttribute(family, [nextHop], empty).length + 1;
  return pack(nlri, bodyRoom - bytes.length - reachBytes, (run) =>
    body(empty, concatBytes([reachAttribute(family, [nextHop], run), bytes]), empty),
  );
}

/** "That was all I have": RFC 4724 2. */
export function endOfRib(family: Family): Uint8Array {
  return family.name === 'ipv4' ? body(empty, empty, empty) : body(empty, unreachAttribute(family, empty), empty);
}
