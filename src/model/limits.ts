// How large a document may be: what the packet path's tables hold. One place for the rules of a document, which are pure
// and know no native code, and for the memory that is opened; a test compares them with native/core/layout.h. Pure.

export const limits = {
  vips: 65_535,
  backends: 65_535,
  pools: 65_535,
  tenants: 65_535,
  /** Different sets of idle timeouts. */
  timeoutSets: 256,
  /** Ranges of more than one port at one address, both protocols together. */
  portRangesPerAddress: 64,
} as const;

/** Slots of one memory line: backend indices of two bytes. */
export const slotsPerLine = 32;
/** Lines for all Maglev tables: 256 MiB. */
export const slotLines = 4 * 1024 * 1024;
/**
 * Of those, what a document may fill. Another third is for tables that all change at once, since those in force are never
 * written; the last one is for pools that are on their way out, and for gaps.
 */
export const documentSlotLines = Math.floor(slotLines / 3);

export function linesOf(tableSize: number): number {
  return Math.ceil(tableSize / slotsPerLine);
}
