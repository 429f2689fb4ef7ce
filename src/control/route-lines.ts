// Routes on their way from the config worker through main to the speaker: a line each, its prefix and the JSON of its
// Advertisement. Main tells them apart by prefix and never parses them; ten thousand cross as bytes in a few milliseconds,
// where objects would hold main up for tens. Pure.

/** `text` is JSON of an Advertisement. */
export type RouteText = readonly [prefix: string, text: string];

/** Null for no route. */
export function encodeRoutes(routes: readonly RouteText[]): Uint8Array<ArrayBuffer> | null {
  if (routes.length === 0) return null;
  return new TextEncoder().encode(routes.map(([prefix, text]) => `${prefix} ${text}`).join('\n'));
}

export function decodeRoutes(bytes: Uint8Array | null): readonly RouteText[] {
  if (bytes === null) return [];
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString().split('\n');
  return lines.map((line) => {
    const space = line.indexOf(' ');
    return [line.slice(0, space), line.slice(space + 1)];
  });
}
