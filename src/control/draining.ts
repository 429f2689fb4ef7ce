// Which words against routes are so new that routers are still asked to move the traffic away (RFC 8326): the node announces
// with a lower preference for node.bgp.drainSec, and withdraws then. Pure: time comes in as a number.
//
// Words that were there at the start drain nothing: nothing was announced. A word that is said again does not drain twice.

import type { Overrides } from './overrides.ts';

export interface Draining {
  /** Null before the first look. */
  readonly known: ReadonlySet<string> | null;
  /** Override key → when its routes go. */
  readonly untilMs: ReadonlyMap<string, number>;
}

export const nothingDraining: Draining = { known: null, untilMs: new Map() };

export function afterWords({ known, untilMs }: Draining, overrides: Overrides, drainMs: number, nowMs: number): Draining {
  const keys = [...overrides].flatMap(([key, { kind }]) => (kind === 'hold' || kind === 'maintenance' ? [key] : []));
  const ends = keys.flatMap((key): readonly (readonly [string, number])[] => {
    const end = known === null || known.has(key) ? untilMs.get(key) : nowMs + drainMs;
    return end === undefined || end <= nowMs ? [] : [[key, end]];
  });
  return { known: new Set(keys), untilMs: new Map(ends) };
}

/** When the first of them ends; null when none is on. */
export function nextDrainEndMs({ untilMs }: Draining): number | null {
  return untilMs.size === 0 ? null : Math.min(...untilMs.values());
}
