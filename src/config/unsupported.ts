// What the document may say but this version cannot do yet: one list, one clear problem per place, never silence. It is all of
// devices and probes, so a replay is not held to it.
//
// The schema already checks the values, so an entry goes away in the commit that makes its feature work. `*` in a
// path stands for every item of a list or every name of a mapping. Pure.

import type { Path } from './problem.ts';
import type { Report } from './report.ts';
import type { Document } from './schema.ts';

interface Unsupported {
  readonly path: Path;
  /** Whether this value asks for the feature. */
  readonly asks: (value: unknown) => boolean;
  readonly expected: string;
}

const oneOf =
  (...words: readonly string[]) =>
  (value: unknown): boolean =>
    words.includes(value as string);
const vips: Path = ['tenants', '*', 'vips', '*'];
const pools: Path = ['pools', '*'];

export const unsupported: readonly Unsupported[] = [
  { path: ['node', 'devices', '*', 'engine'], asks: oneOf('xdp'), expected: 'auto, af_xdp or af_packet' },
  { path: [...vips, 'healthCheck', 'type'], asks: oneOf('icmp'), expected: 'tcp or http' },
  { path: [...pools, 'healthCheck', 'type'], asks: oneOf('icmp'), expected: 'tcp or http' },
  { path: [...pools, 'healthCheck', 'via'], asks: oneOf('tunnel'), expected: 'direct' },
];

export function reportUnsupported(document: Document, report: Report): void {
  for (const { path, asks, expected } of unsupported) {
    for (const place of placesOf(document, path, asks))
      report.problem(place, `${expected} (more is not supported in this version)`);
  }
}

/** Made on the way back from what asks, since of ten thousand items mostly none does. */
function placesOf(value: unknown, path: Path, asks: Unsupported['asks'], depth = 0): readonly Path[] {
  const segment = path[depth];
  if (segment === undefined) return asks(value) ? [[]] : [];
  if (value === null || typeof value !== 'object') return [];
  const within = (key: string | number, item: unknown): readonly Path[] => {
    const places = placesOf(item, path, asks, depth + 1);
    return places.length === 0 ? places : places.map((place) => [key, ...place]);
  };
  if (segment !== '*') return within(segment, (value as Record<string, unknown>)[segment]);
  if (Array.isArray(value)) return value.flatMap((item, i) => within(i, item));
  return Object.entries(value).flatMap(([key, item]) => within(key, item));
}
