// Which pools are still being looked at for the first time. Their VIPs are not announced before every backend is known,
// well or badly, or patienceMs are over: a node that comes back and takes traffic before would steer by another table than
// its neighbours, and break the flows that routers move to it. Pure: time comes in as a number.
//
// A pool warms up once; a backend that joins a known pool does not make its VIPs wait again.

import type { PoolConfig } from '../config/config.ts';
import { healthKey } from '../model/health-check.ts';
import type { Observed } from './desired-pool.ts';

export const patienceMs = 3000;

export interface WarmUp {
  readonly known: ReadonlySet<string>;
  /** Pool → when it was first seen. */
  readonly warming: ReadonlyMap<string, number>;
}

export const coldStart: WarmUp = { known: new Set(), warming: new Map() };

export function afterObserving(before: WarmUp, pools: readonly PoolConfig[], observed: Observed, nowMs: number): WarmUp {
  const known = new Set<string>();
  const warming = new Map<string, number>();
  for (const pool of pools) {
    const sinceMs = before.warming.get(pool.name) ?? nowMs;
    const isKnown = before.known.has(pool.name) || nowMs - sinceMs >= patienceMs || isFullyKnown(pool, observed);
    if (isKnown) known.add(pool.name);
    else warming.set(pool.name, sinceMs);
  }
  return { known, warming };
}

/** When the first of them stops waiting; null when none waits. */
export function nextEndMs({ warming }: WarmUp): number | null {
  return warming.size === 0 ? null : Math.min(...warming.values()) + patienceMs;
}

function isFullyKnown({ name, healthCheck, backends }: PoolConfig, { health, nextHops }: Observed): boolean {
  return backends.every(({ address, weight, state }) => {
    if (state !== 'active' || weight === 0) return true;
    const isChecked =
      healthCheck === null || (health.get(healthKey(name, address, healthCheck))?.health ?? 'unknown') !== 'unknown';
    return isChecked && nextHops.has(address);
  });
}
