// Routes on their way from the config worker through main to the speaker: a line each, its prefix, whether it stands on the
// packet path, and the JSON of its Advertisement. Main tells them apart by prefix and never parses them; ten thousand cross as
// bytes in a few milliseconds, where objects would hold main up for tens. Pure.

export interface RouteLine {
  readonly prefix: string;
  /** Its packets come to the packet path, so it goes when that stands still. */
  readonly usesPath: boolean;
  /** JSON of an Advertisement. */
  readonly text: string;
}

const marks = { path: 'p', noPath: '-' } as const;

/** Null for no route. */
export function encodeRoutes(routes: readonly RouteLine[]): Uint8Array<ArrayBuffer> | null {
  if (routes.length === 0) return null;
  const lines = routes.map(({ prefix, usesPath, text }) => `${prefix} ${usesPath ? marks.path : marks.noPath} ${text}`);
  return new TextEncoder().encode(lines.join('\n'));
}

export function decodeRoutes(bytes: Uint8Array | null): readonly RouteLine[] {
  if (bytes === null) return [];
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString().split('\n');
  return lines.map((line) => {
    const space = line.indexOf(' ');
    return { prefix: line.slice(0, space), usesPath: line[space + 1] === marks.path, text: line.slice(space + 3) };
  });
}
