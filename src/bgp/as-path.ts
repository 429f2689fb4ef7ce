// AS paths: segments from bytes, and the whole path from its narrow and its wide form (RFC 4271 4.3, RFC 6793 4.2.3).
//
// A speaker of 2-octet AS numbers carries AS_TRANS where a number does not fit, and hands AS4_PATH on unread; together they
// give the path back. AS 0 is nobody's (RFC 7607). Pure.

import { asConfedSequence, asConfedSet, asSequence, asSet } from './constants.ts';
import { Cursor } from './cursor.ts';
import type { AsSegment } from './path-attributes.ts';

class Malformed extends Error {}

/** The segments of AS_PATH, or undefined when it is malformed (RFC 7606 7.2, RFC 7607). */
export function readAsPath(value: Uint8Array, wide: boolean): AsSegment[] | undefined {
  return readSegments(value, wide, false);
}

/** The segments of AS4_PATH without those of a confederation, which must not be there (RFC 6793 6). */
export function readAs4Path(value: Uint8Array): AsSegment[] | undefined {
  const segments = readSegments(value, true, true);
  return segments?.length === 0 ? undefined : segments;
}

function readSegments(value: Uint8Array, wide: boolean, skipsConfederations: boolean): AsSegment[] | undefined {
  const cursor = new Cursor(value, () => new Malformed());
  const segments: AsSegment[] = [];
  try {
    while (cursor.remaining > 0) {
      const type = cursor.u8();
      const count = cursor.u8();
      const ases = Array.from({ length: count }, () => (wide ? cursor.u32() : cursor.u16()));
      if (skipsConfederations && (type === asConfedSequence || type === asConfedSet)) continue;
      if ((type !== asSet && type !== asSequence) || count === 0 || ases.includes(0)) return undefined;
      segments.push({ kind: type === asSet ? 'set' : 'sequence', ases });
    }
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
  return segments;
}

/** How far a path is: a set counts as one step (RFC 4271 9.1.2.2). */
function steps(segments: readonly AsSegment[]): number {
  return segments.reduce((sum, { kind, ases }) => sum + (kind === 'set' ? 1 : ases.length), 0);
}

/** The narrow path's beginning, as far as it goes beyond the wide one, and the wide one. */
export function joinPaths(narrow: readonly AsSegment[], wide: readonly AsSegment[]): readonly AsSegment[] {
  let missing = steps(narrow) - steps(wide);
  // Somebody shortened the path without knowing of the wide one: that one is not to be trusted (RFC 6793 4.2.3).
  if (missing < 0) return narrow;
  const lead: AsSegment[] = [];
  for (const segment of narrow) {
    if (missing === 0) break;
    const ases = segment.kind === 'set' ? segment.ases : segment.ases.slice(0, missing);
    missing -= segment.kind === 'set' ? 1 : ases.length;
    lead.push({ ...segment, ases });
  }
  return [...lead, ...wide];
}

/** "65000 65001 {65002 65003}", from the neighbour to the origin. */
export function pathText(segments: readonly AsSegment[]): string {
  return segments.map(({ kind, ases }) => (kind === 'set' ? `{${ases.join(' ')}}` : ases.join(' '))).join(' ');
}
