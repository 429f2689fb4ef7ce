// Which words against routes are so new that routers are still asked to move the traffic away (RFC 8326): the node announces
// with a lower preference for node.bgp.drainSec, and withdraws then. Pure: time comes in as a number.
//
// The time runs from when routers are told, which is with the next tables: with thousands of VIPs that is not when the word is
// said. Words that were there at the start drain nothing: nothing was announced. A word that is said again does not drain twice.

import type { Overrides } from './overrides.ts';

export interface Draining {
  /** Null before the first look. */
  readonly known: ReadonlySet<string> | null;
  /** Override key → when its routes go. */
  readonly untilMs: ReadonlyMap<string, number>;
  /** Of these, what routers have been told of. */
  readonly told: ReadonlySet<string>;
}

export const nothingDraining: Draining = { known: null, untilMs: new Map(), told: new Set() };

/** Workers that adopt nothing do not keep routes up for longer than this beyond the drain itself. */
export const tellingMs = 10_000;

export function afterWords({ known, untilMs, told }: Draining, overrides: Overrides, drainMs: number, nowMs: number): Draining {
  const keys = [...overrides].flatMap(([key, { kind }]) => (kind === 'hold' || kind === 'maintenance' ? [key] : []));
  const ends = keys.flatMap((key): readonly (readonly [string, number])[] => {
    const end = known === null || known.has(key) ? untilMs.get(key) : nowMs + (drainMs === 0 ? 0 : tellingMs + drainMs);
    return end === undefined || end <= nowMs ? [] : [[key, end]];
  });
  return { known: new Set(keys), untilMs: new Map(ends), told: new Set(ends.flatMap(([key]) => (told.has(key) ? [key] : []))) };
}

/** What these words ask for has been told to routers now. */
export function afterTelling(draining: Draining, overrides: Overrides, drainMs: number, nowMs: number): Draining {
  const news = [...draining.untilMs.keys()].filter((key) => overrides.has(key) && !draining.told.has(key));
  if (news.length === 0) return draining;
  const untilMs = new Map([...draining.untilMs, ...news.map((key) => [key, nowMs + drainMs] as const)]);
  return { ...draining, untilMs, told: new Set([...draining.told, ...news]) };
}

/** When the first of them ends; null when none is on. */
export function nextDrainEndMs({ untilMs }: Draining): number | null {
  return untilMs.size === 0 ? null : Math.min(...untilMs.values());
}
