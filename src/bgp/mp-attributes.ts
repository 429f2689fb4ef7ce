// MP_REACH_NLRI and MP_UNREACH_NLRI from bytes: routes of any address family (RFC 4760, RFC 2545, RFC 8950).
//
// What makes their routes unreadable cannot be lived with: such a message ends the session (RFC 7606 3 (j), 5.3, 7.11).
// Routes of a family that nobody here knows are passed over. Pure.

import { errorCode, updateError } from './constants.ts';
import { Cursor } from './cursor.ts';
import { decodePrefixes, type Family, familyByCode, wireAddressText } from './families.ts';
import { NotificationError } from './notification.ts';
import type { PathAttributes } from './path-attributes.ts';

/** `wire` is the whole attribute: what the peer is told (RFC 4271 6.3). */
export function optionalAttributeError(what: string, wire: Uint8Array): NotificationError {
  return new NotificationError(errorCode.update, updateError.optionalAttribute, what, wire.slice());
}

// RFC 2545 3, RFC 8950 3: one address, or a global and a link-local one.
function nextHopLengths(family: Family): readonly number[] {
  return family.name === 'ipv4' ? [4, 16, 32] : [16, 32];
}

/** Undefined for a family that is not known. @throws NotificationError 3/9 or 3/10 */
export function decodeReach(value: Uint8Array, wire: Uint8Array): PathAttributes['reach'] {
  const cursor = new Cursor(value, () => optionalAttributeError('MP_REACH_NLRI is cut short', wire));
  const family = familyByCode(cursor.u16(), cursor.u8());
  const hops = cursor.take(cursor.u8());
  cursor.u8();
  if (family === undefined) return undefined;
  // The length of the next hop tells where the routes begin.
  if (!nextHopLengths(family).includes(hops.length)) {
    throw optionalAttributeError(`MP_REACH_NLRI: next hop of ${hops.length} bytes for ${family.name}`, wire);
  }
  const width = hops.length === 4 ? 4 : 16;
  const nextHops = Array.from({ length: hops.length / width }, (_, i) =>
    wireAddressText(hops.subarray(i * width, (i + 1) * width)),
  );
  return { family: family.name, nextHops, prefixes: decodePrefixes(cursor.take(cursor.remaining), family) };
}

/** Undefined for a family that is not known. @throws NotificationError 3/9 or 3/10 */
export function decodeUnreach(value: Uint8Array, wire: Uint8Array): PathAttributes['unreach'] {
  const cursor = new Cursor(value, () => optionalAttributeError('MP_UNREACH_NLRI is cut short', wire));
  const family = familyByCode(cursor.u16(), cursor.u8());
  if (family === undefined) return undefined;
  return { family: family.name, prefixes: decodePrefixes(cursor.take(cursor.remaining), family) };
}
