// The packet path's memory layout as native code exports it (native/core/layout.h is the truth). Pure.
//
// TypeScript has no second description of a structure: it asks for the fields it knows by name and gets their byte
// offsets; a name that native code does not have is a mismatch, found before anything starts.

import { ToriiError } from '../errors.ts';

export interface LayoutField {
  /** Bytes from the start of the structure. */
  readonly offset: number;
  /** Bytes of one element. */
  readonly size: number;
  readonly count: number;
}

export interface VerdictEntry {
  readonly number: number;
  readonly kind: 'forward' | 'pass' | 'answer' | 'drop';
  /** "none" where the verdict has no reasons. */
  readonly reason: string;
}

export interface Layout {
  readonly structures: Readonly<Record<string, Readonly<Record<string, LayoutField>>>>;
  readonly constants: Readonly<Record<string, number>>;
  readonly tables: Readonly<Record<string, number>>;
  readonly flowKinds: Readonly<Record<string, number>>;
  readonly verdicts: readonly VerdictEntry[];
}

/** The layout this source was written for; it changes when a structure changes its meaning. */
export const layoutVersion = 1;

function mismatch(what: string): ToriiError {
  return new ToriiError(
    'addon_mismatch',
    `the native addon has no ${what}: it was built from another version; run \`npm run build\``,
  );
}

/** Byte offsets of the named fields of one structure. */
export function offsetsOf<const K extends string>(
  layout: Layout,
  structure: string,
  names: readonly K[],
): Readonly<Record<K, number>> {
  const fields = layout.structures[structure];
  if (!fields) throw mismatch(`structure ${structure}`);
  const offsets = names.map((name) => {
    const field = fields[name];
    if (!field) throw mismatch(`field ${structure}.${name}`);
    return [name, field.offset] as const;
  });
  return Object.fromEntries(offsets) as Record<K, number>;
}

export function constantOf(layout: Layout, name: string): number {
  const value = layout.constants[name];
  if (value === undefined) throw mismatch(`constant ${name}`);
  return value;
}

export function constantsOf<const K extends string>(layout: Layout, names: readonly K[]): Readonly<Record<K, number>> {
  return Object.fromEntries(names.map((name) => [name, constantOf(layout, name)])) as Record<K, number>;
}

/** Throws addon_mismatch unless the addon speaks this source's layout. */
export function checkLayout(layout: Layout): Layout {
  const version = constantOf(layout, 'LAYOUT_VERSION');
  if (version !== layoutVersion) {
    throw new ToriiError(
      'addon_mismatch',
      `expected native layout version ${layoutVersion}, got ${version}: run \`npm run build\``,
    );
  }
  return layout;
}
