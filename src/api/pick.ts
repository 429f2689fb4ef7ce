// One element out of a JSON array that is held as bytes, without parsing the rest of it.
//
// Lists come rendered from another thread and may be megabytes long; parsing one on the main thread would delay its
// other work. The bytes are searched for a needle first, so a miss costs one memmem; a hit costs one linear scan.

const quote = 0x22;
const backslash = 0x5c;
const openers = new Set([0x5b, 0x7b]);
const closers = new Set([0x5d, 0x7d]);
const comma = 0x2c;

/** The elements of the array `json` that contain `needle` anywhere and satisfy `matches`. */
export function pickElements<T>(json: Uint8Array, needle: string, matches: (element: T) => boolean): readonly T[] {
  const bytes = Buffer.from(json.buffer, json.byteOffset, json.byteLength);
  if (!bytes.includes(needle)) return [];
  const found: T[] = [];
  for (const [start, end] of elementBounds(bytes)) {
    const slice = bytes.subarray(start, end);
    if (!slice.includes(needle)) continue;
    const element = JSON.parse(slice.toString()) as T;
    if (matches(element)) found.push(element);
  }
  return found;
}

function* elementBounds(bytes: Buffer): Generator<readonly [number, number]> {
  let depth = 0;
  let start = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === quote) {
      i = endOfString(bytes, i);
    } else if (openers.has(byte)) {
      depth += 1;
      if (depth === 1) start = i + 1;
    } else if (closers.has(byte) || (byte === comma && depth === 1)) {
      if (byte !== comma) depth -= 1;
      if (depth === 0 || byte === comma) yield [start, i];
      if (byte === comma) start = i + 1;
    }
  }
}

/** Index of the quote that closes the string opened at `open`. */
function endOfString(bytes: Buffer, open: number): number {
  let i = open + 1;
  while (i < bytes.length && bytes[i] !== quote) i += bytes[i] === backslash ? 2 : 1;
  return i;
}
