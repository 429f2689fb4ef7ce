// Routes into UPDATEs: the fewest messages that carry them, never longer than the session allows (RFC 4271 4.3, RFC 4760).
//
// NLRI comes in wire form. A message either announces or withdraws, so no prefix is ever in it twice. IPv4 routes go by
// NEXT_HOP, or with a next hop of the other family by MP_REACH_NLRI (RFC 8950); other families always by that. Pure.

import { reachAttribute, unreachAttribute } from './attribute-encoder.ts';
import { headerBytes } from './constants.ts';
import { concatBytes } from './cursor.ts';
import type { Family } from './families.ts';
import { updateBody } from './update.ts';

/** One message of a packing: it carries the next `count` of the routes that were given. */
export interface Packed {
  readonly body: Uint8Array;
  readonly count: number;
}

export interface RouteAttributes {
  /** In wire form, NEXT_HOP included where it is used. */
  readonly bytes: Uint8Array;
  /** Next hops for MP_REACH_NLRI; undefined: NEXT_HOP is in `bytes`. */
  readonly reach: readonly string[] | undefined;
}

// Two lengths of two bytes.
const updateFieldsBytes = 4;
const empty = new Uint8Array(0);

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

function roomOf(longestMessageBytes: number): number {
  return longestMessageBytes - headerBytes - updateFieldsBytes;
}

// An attribute's length takes two bytes once one does not do: room is reckoned with two.
function widest(attribute: Uint8Array): number {
  return attribute.length + 1;
}

/** The UPDATEs that withdraw these routes. `isOld`: by the field for IPv4, without attributes. */
export function packWithdrawals(family: Family, isOld: boolean, nlri: readonly Uint8Array[], longestBytes: number): Packed[] {
  const room = roomOf(longestBytes);
  if (isOld) return pack(nlri, room, (run) => updateBody(run, empty, empty));
  const lead = widest(unreachAttribute(family, empty));
  return pack(nlri, room - lead, (run) => updateBody(empty, unreachAttribute(family, run), empty));
}

function announcementRoom(family: Family, { bytes, reach }: RouteAttributes, longestBytes: number): number {
  const lead = reach === undefined ? 0 : widest(reachAttribute(family, reach, empty));
  return roomOf(longestBytes) - bytes.length - lead;
}

/** The UPDATEs that announce these routes with one set of attributes; the document's schema keeps those far from filling one. */
export function packAnnouncements(
  family: Family,
  attributes: RouteAttributes,
  nlri: readonly Uint8Array[],
  longestBytes: number,
): Packed[] {
  const { bytes, reach } = attributes;
  const room = announcementRoom(family, attributes, longestBytes);
  if (reach === undefined) return pack(nlri, room, (run) => updateBody(empty, bytes, run));
  return pack(nlri, room, (run) => updateBody(empty, concatBytes([reachAttribute(family, reach, run), bytes]), empty));
}

/** "That was all I have": RFC 4724 2. */
export function endOfRib(family: Family): Uint8Array {
  return family.name === 'ipv4' ? updateBody(empty, empty, empty) : updateBody(empty, unreachAttribute(family, empty), empty);
}
