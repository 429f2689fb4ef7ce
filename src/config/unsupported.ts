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
    visit(document, path, [], (value, place) => {
      if (asks(value)) report.problem(place, `${expected} (more is not supported in this version)`);
    });
  }
}

function visit(value: unknown, path: Path, place: Path, found: (value: unknown, place: Path) => void): void {
  const [segment, ...rest] = path;
  if (segment === undefined) return found(value, place);
  if (value === null || typeof value !== 'object') return;
  if (segment !== '*') return visit((value as Record<string, unknown>)[segment], rest, [...place, segment], found);
  if (Array.isArray(value)) for (const [i, item] of value.entries()) visit(item, rest, [...place, i], found);
  else for (const [key, item] of Object.entries(value)) visit(item, rest, [...place, key], found);
}
